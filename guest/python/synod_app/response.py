"""Answers, and what went wrong as an answer."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, is_dataclass
from typing import Any


def to_json(value: Any) -> bytes:
    """A value, which may hold dataclasses, as JSON."""

    def plain(other: Any) -> Any:
        if is_dataclass(other) and not isinstance(other, type):
            return asdict(other)
        raise TypeError(f"{type(other).__name__} cannot be JSON")

    return json.dumps(value, default=plain, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass
class Response:
    """An answer."""

    status: int = 200
    body: bytes = b""
    headers: list[tuple[str, str]] = field(default_factory=list)

    @classmethod
    def empty(cls, status: int = 204) -> Response:
        """An answer without a body."""
        return cls(status)

    @classmethod
    def bytes(cls, media_type: str, body: bytes, status: int = 200) -> Response:
        """Bytes of some media type."""
        return cls(status, body, [("content-type", media_type)])

    @classmethod
    def text(cls, body: str, status: int = 200) -> Response:
        """Text."""
        return cls.bytes("text/plain; charset=utf-8", body.encode(), status)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Response:
        """A value as JSON; dataclasses are objects."""
        return cls.bytes("application/json", to_json(value), status)


class Problem(Exception):
    """What went wrong, told to the caller as RFC 9457 has it.

    Nothing that the call wrote is kept, unless it asked for `keep_writes`.
    """

    def __init__(self, status: int, code: str, title: str) -> None:
        super().__init__(title)
        self.status = status
        self.code = code
        self.title = title

    @classmethod
    def bad_request(cls, title: str) -> Problem:
        """400: the request is not as it must be."""
        return cls(400, "bad_request", title)

    @classmethod
    def forbidden(cls, title: str) -> Problem:
        """403: the caller may not do this."""
        return cls(403, "forbidden", title)

    @classmethod
    def not_found(cls, title: str) -> Problem:
        """404: there is no such thing."""
        return cls(404, "not_found", title)

    @classmethod
    def conflict(cls, title: str) -> Problem:
        """409: it does not go with what is there."""
        return cls(409, "conflict", title)

    def response(self) -> Response:
        """The problem as an answer."""
        body = to_json({"status": self.status, "code": self.code, "title": self.title})
        return Response.bytes("application/problem+json", body, self.status)
