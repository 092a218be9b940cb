"""What a request says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from .response import Problem
from .typed import Mistyped, typed


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"`{name}` is not JSON")


@dataclass
class Request:
    """A request, and the route in the manifest that it met."""

    method: str
    path: str
    query_string: str
    route: str
    params: dict[str, str]
    headers: list[tuple[str, str]]
    body: bytes

    def query(self, name: str) -> str | None:
        """The first value of a name in the query, decoded. A query that is badly encoded is a problem 400."""
        for pair in self.query_string.split("&"):
            own, _, value = pair.partition("=")
            if pair and _decode(own) == name:
                return _decode(value)
        return None

    def query_number(self, name: str, otherwise: int, most: int = 2**53 - 1) -> int:
        """The same as a whole number from 0 to `most`, or `otherwise` if it is not there; else a problem 400."""
        value = self.query(name)
        if value is None:
            return otherwise
        digits = value.isascii() and value.isdecimal() and len(value) <= 16
        if not digits or int(value) > most:
            raise Problem.bad_request(f"`{name}` in the query is not a number from 0 to {most}")
        return int(value)

    def header(self, name: str) -> str | None:
        """The first value of a header field, by its name in lower case."""
        return next((value for own, value in self.headers if own == name), None)

    def text(self) -> str:
        """The body as text; a problem 400 if it is not UTF-8."""
        try:
            return self.body.decode()
        except UnicodeDecodeError:
            raise Problem.bad_request("the body is not UTF-8") from None

    def json(self, kind: Any = Any) -> Any:
        """The body as JSON, and of this type, such as a dataclass; a problem 400 that says where it is not."""
        try:
            value = json.loads(self.text(), parse_constant=_refuse_constant)
        except RecursionError:
            raise Problem.bad_request("the body is nested too deeply") from None
        except ValueError as error:
            raise Problem.bad_request(f"the body is not JSON: {error}") from None
        try:
            return typed(kind, value, "the body")
        except Mistyped as error:
            raise Problem.bad_request(str(error)) from None


def _decode(text: str) -> str:
    try:
        return unquote_to_bytes(text.replace("+", " ")).decode()
    except UnicodeDecodeError:
        raise Problem.bad_request("the query is not percent-encoded as it must be") from None
