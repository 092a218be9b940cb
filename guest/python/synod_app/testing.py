"""A pretended host in memory, for tests.

It keeps maps, rolls a call back that answers with a status from 400 on or raises, and remembers claims and log lines.
It knows no manifest: `synod app test` tests with that.
"""

from __future__ import annotations

import copy
import enum
import json
from dataclasses import dataclass, field
from random import Random
from typing import Any, Callable, NamedTuple

from . import pretended
from .app import App
from .request import Request
from .response import Response, to_json


class Kind(enum.Enum):
    """What a caller is."""

    ANONYMOUS = 0
    USER = 1
    MEMBER = 2
    SERVICE = 3


class Identity(NamedTuple):
    """A caller, as the host has it."""

    kind: Kind
    id: str = ""
    roles: list[str] = []
    claims: list[tuple[str, str]] = []


class Entry(NamedTuple):
    """A key and its value."""

    key: bytes
    value: bytes


class Entries(NamedTuple):
    """A part of a map."""

    entries: list[Entry]
    more: bool


class TxId(NamedTuple):
    """The name of a transaction."""

    view: int
    seqno: int


class _Call:
    """What a call sees and does: the functions of all interfaces."""

    class Level(enum.Enum):
        DEBUG = 0
        INFO = 1
        WARN = 2
        ERROR = 3

    def __init__(self, maps: dict[str, dict[bytes, bytes]], identity: Identity, time: int, seqno: int) -> None:
        self._maps = copy.deepcopy(maps)
        self._identity = identity
        self._time = time
        self._seqno = seqno
        self._random = Random(seqno)
        self.kept = False
        self.claims: list[bytes] = []
        self.log: list[tuple[str, str]] = []

    @property
    def maps(self) -> dict[str, dict[bytes, bytes]]:
        return self._maps

    def get(self, map: str, key: bytes) -> bytes | None:
        return self._maps.get(map, {}).get(key)

    def has(self, map: str, key: bytes) -> bool:
        return key in self._maps.get(map, {})

    def range(self, map: str, start: bytes, end: bytes | None, limit: int) -> Entries:
        rows = self._maps.get(map, {})
        found = sorted(key for key in rows if key >= start and (end is None or key < end))
        entries = [Entry(key, rows[key]) for key in found[: min(limit, 1000)]]
        return Entries(entries, len(found) > len(entries))

    def put(self, map: str, key: bytes, value: bytes) -> None:
        self._maps.setdefault(map, {})[key] = value

    def delete(self, map: str, key: bytes) -> None:
        self._maps.get(map, {}).pop(key, None)

    def keep(self) -> None:
        self.kept = True

    def identify(self) -> Identity:
        return self._identity

    def id(self) -> TxId:
        return TxId(1, self._seqno)

    def now(self) -> int:
        return self._time

    def bind(self, digest: bytes) -> None:
        if len(digest) != 32 or len(self.claims) == 16:
            raise ValueError("a claim is 32 bytes, and a call binds at most 16")
        self.claims.append(digest)

    def bytes(self, length: int) -> bytes:
        return self._random.randbytes(length)

    def write(self, level: Level, message: str) -> None:
        self.log.append((level.name.lower(), message))


@dataclass
class Synod:
    """A pretended service with one app."""

    app: App
    time: int = 0
    """The ledger's time, in milliseconds."""
    claims: list[bytes] = field(default_factory=list)
    """What the last call bound."""
    log: list[tuple[str, str]] = field(default_factory=list)
    """What the last call logged: level and line."""
    _maps: dict[str, dict[bytes, bytes]] = field(default_factory=dict)
    _seqno: int = 0

    def call(
        self,
        caller: Identity,
        request: str,
        params: dict[str, str] | None = None,
        query: str = "",
        headers: dict[str, str] | None = None,
        body: bytes = b"",
        json: Any = None,
    ) -> Response:
        """Calls the app: `request` is its method and path pattern, such as `GET /notes/{id}`."""
        method, route = request.split(" ")
        params = params or {}
        path = route
        for name, value in params.items():
            path = path.replace(f"{{{name}}}", value).replace(f"{{{name}...}}", value)
        body = body if json is None else to_json(json)
        asked = Request(method, path, query, route, params, list((headers or {}).items()), body)
        return self._execute(caller, lambda: self.app.handle(asked), lambda answer: answer.status < 400)

    def run(self, work: Callable[[], Any]) -> Any:
        """Runs something as the service itself, such as `app.run_init`; what it writes is kept."""
        return self._execute(Identity(Kind.SERVICE), work, lambda _: True)

    def _execute(self, identity: Identity, work: Callable[[], Any], succeeded: Callable[[Any], bool]) -> Any:
        self._seqno += 1
        call = _Call(self._maps, identity, self.time, self._seqno)
        self.claims, self.log = call.claims, call.log
        answer = pretended.during(call, work)
        if call.kept or succeeded(answer):
            self._maps = call.maps
        return answer


def user(id: str, *roles: str) -> Identity:
    """A user with some roles."""
    return Identity(Kind.USER, id, list(roles))


def member(id: str) -> Identity:
    """A member."""
    return Identity(Kind.MEMBER, id)


def anonymous() -> Identity:
    """Nobody that the ledger knows."""
    return Identity(Kind.ANONYMOUS)


def json_of(response: Response) -> Any:
    """The body of an answer, as JSON."""
    return json.loads(response.body)
