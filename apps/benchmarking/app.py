"""The app: its routes, and what its rules need of the service."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from synod_app import App, Request, Response, StoredMap, caller, ledger_time, values

from benchmarking.call import Answer, Call
from benchmarking.problem import Problem
from benchmarking.routes import ROUTES
from benchmarking.store import CLOCK, COUNTS, FIGURES, METRICS, PERIODS

# Answers are filled up to multiples of this, since their length can be seen on the wire.
_BODY_BYTES = 1024

_MAPS = {name: StoredMap(name, value=values.bytes) for name in (METRICS, PERIODS, COUNTS, FIGURES, CLOCK)}


class ServiceHost:
    """The service, as the rules need it."""

    def get(self, name: str, key: str) -> bytes | None:
        """The value of a key."""
        return _MAPS[name].get(key)

    def put(self, name: str, key: str, value: bytes) -> None:
        """Gives a key a value."""
        _MAPS[name].put(key, value)

    def prefix(self, name: str, prefix: str, after: str | None, limit: int) -> tuple[list[tuple[str, bytes]], bool]:
        """The keys that begin with `prefix`, after `after`."""
        rows, more = _MAPS[name].page(limit, prefix=prefix, after=after)
        return rows, more

    def user(self) -> str:
        """The name of the calling user."""
        return caller().id

    def roles(self) -> list[str]:
        """The roles of the calling user."""
        return list(caller().roles)

    def now_ms(self) -> int:
        """The ledger's time."""
        return ledger_time()


def _body(value: dict[str, Any]) -> bytes:
    told = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return told.ljust(-(-len(told) // _BODY_BYTES) * _BODY_BYTES)


def _handler(rule: Callable[[Call], Answer]) -> Callable[[Request], Response]:
    def handle(request: Request) -> Response:
        try:
            answer = rule(Call(ServiceHost(), request.params, request.query_string or None, request.body))
        except Problem as problem:
            told = {"status": problem.status, "code": problem.code, "title": problem.title}
            return Response.bytes("application/problem+json", _body(told), problem.status)
        return Response.bytes("application/json", _body(answer.json), answer.status)

    return handle


app = App()
for (_method, _route), _rule in ROUTES.items():
    (app.get(_route) if _method == "GET" else app.on(_method, _route))(_handler(_rule))
