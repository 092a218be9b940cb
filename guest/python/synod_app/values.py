"""How values of maps are written."""

from __future__ import annotations

import json as _json
from builtins import bytes as _bytes
from typing import Any

from .response import to_json
from .typed import typed


class Json:
    """Values as JSON, of some type, such as a dataclass."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def write(self, value: Any) -> _bytes:
        return to_json(value)

    def read(self, data: _bytes) -> Any:
        return typed(self._kind, _json.loads(data), "a value")


class Text:
    """Text as UTF-8."""

    def write(self, value: str) -> _bytes:
        return value.encode()

    def read(self, data: _bytes) -> str:
        return data.decode()


class Bytes:
    """Bytes as they are."""

    def write(self, value: _bytes) -> _bytes:
        return value

    def read(self, data: _bytes) -> _bytes:
        return data


json = Json(Any)
text = Text()
bytes = Bytes()


def of(kind: Any) -> Json:
    """JSON of this type: a dataclass, `list[…]`, `dict[str, …]` and what these hold."""
    return Json(kind)
