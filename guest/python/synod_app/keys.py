"""Keys as bytes whose order is that of the keys, the same as in the other guest libraries.

Text is its UTF-8, numbers are big-endian, a tuple is its parts; text and bytes in all parts but the last end with
`00 00`, and have `00 ff` for a zero byte.
"""

from __future__ import annotations

from builtins import bytes as _bytes, tuple as _tuple
from typing import Any, Protocol


class Key(Protocol):
    """How keys are written. `last`: no other part follows."""

    def write(self, key: Any, last: bool) -> _bytes:
        """The key as bytes."""

    def read(self, data: _bytes, last: bool) -> _tuple[Any, _bytes]:
        """The key at the front, and the rest."""

    def start(self, prefix: Any) -> _bytes:
        """How keys with this prefix begin."""


class Bytes:
    """Bytes."""

    def write(self, key: _bytes, last: bool) -> _bytes:
        return key if last else key.replace(b"\0", b"\0\xff") + b"\0\0"

    def read(self, data: _bytes, last: bool) -> _tuple[_bytes, _bytes]:
        if last:
            return data, b""
        at = data.find(b"\0")
        while at >= 0 and data[at + 1 : at + 2] == b"\xff":
            at = data.find(b"\0", at + 2)
        if at < 0 or data[at + 1 : at + 2] != b"\0":
            raise ValueError("a key's text does not end")
        return data[:at].replace(b"\0\xff", b"\0"), data[at + 2 :]

    def start(self, prefix: _bytes) -> _bytes:
        return prefix


class Text:
    """Text, in the order of its UTF-8."""

    def write(self, key: str, last: bool) -> _bytes:
        return bytes.write(key.encode(), last)

    def read(self, data: _bytes, last: bool) -> _tuple[str, _bytes]:
        read, rest = bytes.read(data, last)
        return read.decode(), rest

    def start(self, prefix: str) -> _bytes:
        return prefix.encode()


class Number:
    """Whole numbers from 0 to 2^64 - 1; turned, the greatest comes first."""

    def __init__(self, turn: int) -> None:
        self._turn = turn

    def write(self, key: int, last: bool) -> _bytes:
        if not 0 <= key < 1 << 64:
            raise ValueError("a number in a key is from 0 to 2^64 - 1")
        return (key ^ self._turn).to_bytes(8, "big")

    def read(self, data: _bytes, last: bool) -> _tuple[int, _bytes]:
        if len(data) < 8:
            raise ValueError("a key is too short for a number")
        return int.from_bytes(data[:8], "big") ^ self._turn, data[8:]

    def start(self, prefix: Any) -> _bytes:
        raise TypeError("a number has no prefix")


class Tuple:
    """Several parts."""

    def __init__(self, parts: _tuple[Key, ...]) -> None:
        self._parts = parts

    def write(self, key: _tuple[Any, ...], last: bool) -> _bytes:
        if len(key) != len(self._parts):
            raise ValueError(f"a key has {len(self._parts)} parts")
        return self._written(key, last)

    def read(self, data: _bytes, last: bool) -> _tuple[_tuple[Any, ...], _bytes]:
        key = []
        for index, part in enumerate(self._parts):
            value, data = part.read(data, last and index == len(self._parts) - 1)
            key.append(value)
        return _tuple(key), data

    def start(self, prefix: _tuple[Any, ...]) -> _bytes:
        if len(prefix) >= len(self._parts):
            raise ValueError(f"a prefix has fewer than {len(self._parts)} parts")
        return self._written(prefix, False)

    def _written(self, key: _tuple[Any, ...], last: bool) -> _bytes:
        ends = len(self._parts) - 1
        parts = zip(self._parts, key)
        return b"".join(part.write(value, last and at == ends) for at, (part, value) in enumerate(parts))


bytes = Bytes()
text = Text()
number = Number(0)
descending = Number((1 << 64) - 1)


def tuple(*parts: Key) -> Key:
    """Keys of several parts; a prefix is the first of them."""
    return Tuple(parts)
