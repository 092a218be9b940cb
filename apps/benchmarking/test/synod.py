"""A synod in memory: maps of bytes, one transaction a call, kept only if the call succeeds."""

from __future__ import annotations

import json
import re
from typing import Any

from benchmarking.call import Call
from benchmarking.problem import Problem
from benchmarking.routes import ROUTES

START_MS = 1_700_000_000_000


class Synod:
    """Maps, users with roles, and a clock that tests set."""

    def __init__(self) -> None:
        self.maps: dict[str, dict[str, bytes]] = {}
        self.now_ms = START_MS
        self.roles: dict[str, list[str]] = {}
        # Key and value lengths of what the newest call wrote.
        self.written: list[int] = []

    def ask(self, user: str, line: str, body: Any = None) -> tuple[int, dict[str, Any]]:
        """What `user` is answered to `METHOD /path?query`: status, and JSON or the problem's code."""
        method, target = line.split(" ")
        path, _, query = target.partition("?")
        rule, params = _route(method, path)
        transaction = _Transaction(self, user)
        raw = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        try:
            answer = rule(Call(transaction, params, query or None, raw))
        except Problem as problem:
            return problem.status, {"code": problem.code, "title": problem.title}
        transaction.commit()
        return answer.status, json.loads(json.dumps(answer.json))


def _route(method: str, path: str) -> tuple[Any, dict[str, str]]:
    for (served, route), rule in ROUTES.items():
        pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", route)
        found = re.fullmatch(pattern, path)
        if served == method and found:
            return rule, found.groupdict()
    raise LookupError(f"no route for {method} {path}")


class _Transaction:
    def __init__(self, synod: Synod, user: str) -> None:
        self._synod = synod
        self._user = user
        self._maps = {name: dict(rows) for name, rows in synod.maps.items()}
        self._written: list[int] = []

    def get(self, name: str, key: str) -> bytes | None:
        return self._maps.get(name, {}).get(key)

    def put(self, name: str, key: str, value: bytes) -> None:
        self._maps.setdefault(name, {})[key] = value
        self._written.append((1 if len(key) < 24 else 2) + len(key) + len(value))

    def prefix(self, name: str, prefix: str, after: str | None, limit: int) -> tuple[list[tuple[str, bytes]], bool]:
        rows = sorted(self._maps.get(name, {}).items())
        found = [(key, value) for key, value in rows if key.startswith(prefix) and (after is None or key > after)]
        return found[: min(limit, 1000)], len(found) > min(limit, 1000)

    def user(self) -> str:
        return self._user

    def roles(self) -> list[str]:
        return self._synod.roles.get(self._user, [])

    def now_ms(self) -> int:
        return self._synod.now_ms

    def commit(self) -> None:
        self._synod.maps = self._maps
        self._synod.written = self._written
