"""Maps with typed keys and values."""

from __future__ import annotations

from typing import Any, Iterator, NamedTuple

from . import host, keys, values

PAGE_ROWS = 100
"""Rows that one question to the host brings, if no limit says otherwise."""
PAGE_ROWS_MAX = 1000
"""Rows that one question to the host can bring."""


class Page(NamedTuple):
    """Some rows, and whether more follow."""

    rows: list[tuple[Any, Any]]
    more: bool


class StoredMap:
    """A map of the app, which its manifest declares: `accounts`, or `public:settlements`.

    A row that this app cannot have written is an error.
    """

    def __init__(self, name: str, key: Any = keys.text, value: Any = values.json) -> None:
        self._name = name
        self._key = key
        self._value = value

    def get(self, key: Any) -> Any:
        """The value of a key; `None` if it has none."""
        data = host.maps.get(self._name, self._key.write(key, True))
        return None if data is None else self._value.read(data)

    def has(self, key: Any) -> bool:
        """Whether a key has a value."""
        return host.maps.has(self._name, self._key.write(key, True))

    def put(self, key: Any, value: Any) -> None:
        """Gives a key a value."""
        host.map_writes.put(self._name, self._key.write(key, True), self._value.write(value))

    def delete(self, key: Any) -> None:
        """Takes a key out. That it has no value is no error."""
        host.map_writes.delete(self._name, self._key.write(key, True))

    def entries(
        self,
        prefix: Any = None,
        start: Any = None,
        before: Any = None,
        after: Any = None,
        limit: int | None = None,
    ) -> Iterator[tuple[Any, Any]]:
        """Rows in the order of their keys, fetched as they are asked for. What was fetched counts as read.

        From the key `start` on, before `before`, after `after`, of those that begin with `prefix`; at most `limit`.
        """
        begin, end = self._bounds(prefix, start, before, after)
        left = limit
        while left is None or left > 0:
            asked = PAGE_ROWS if left is None else min(left, PAGE_ROWS_MAX)
            page = host.maps.range(self._name, begin, end, asked)
            for entry in page.entries:
                yield self._row(entry)
            if not page.more or not page.entries:
                return
            left = None if left is None else left - len(page.entries)
            begin = page.entries[-1].key + b"\0"

    def page(self, limit: int, **span: Any) -> Page:
        """At most `limit` rows of the span that `entries` takes, and whether more follow."""
        rows = list(self.entries(limit=limit + 1, **span))
        return Page(rows[:limit], len(rows) > limit)

    def _bounds(self, prefix: Any, start: Any, before: Any, after: Any) -> tuple[bytes, bytes | None]:
        begins, ends = [b""], []
        if prefix is not None:
            begins.append(self._key.start(prefix))
            past = _past_prefix(begins[-1])
            ends += [] if past is None else [past]
        if start is not None:
            begins.append(self._key.write(start, True))
        if after is not None:
            begins.append(self._key.write(after, True) + b"\0")
        if before is not None:
            ends.append(self._key.write(before, True))
        return max(begins), min(ends, default=None)

    def _row(self, entry: Any) -> tuple[Any, Any]:
        key, rest = self._key.read(entry.key, True)
        if rest:
            raise ValueError(f"a key in `{self._name}` is not what this app writes")
        return key, self._value.read(entry.value)


def _past_prefix(prefix: bytes) -> bytes | None:
    """The first key after all that begin so."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes([kept[-1] + 1]) if kept else None
