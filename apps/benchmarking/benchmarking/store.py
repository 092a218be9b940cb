"""Rows of JSON in the maps, all of one length.

Whoever holds the ledger sees the length of each transaction's sealed part, though not a byte of it. So key and value of
a row have the same length together, whatever is in it, and taking a figure, replacing it and withdrawing it write the
same number of rows.
"""

from __future__ import annotations

import json
from typing import Any

from .host import Host

METRICS = "metrics"
PERIODS = "periods"
COUNTS = "counts"
FIGURES = "figures"
CLOCK = "clock"

# The length of a row: of its key with its CBOR head, and of its value. The longest key has 130 bytes, the longest value
# (a metric, whose texts are escaped) less than 1,800.
ROW_BYTES = 2048
# Most keys that the host gives at once.
PAGE_MAX = 1000


class Store:
    """The maps of the app."""

    def __init__(self, host: Host) -> None:
        self._host = host

    def get(self, name: str, key: str) -> dict[str, Any] | None:
        """The row of a key."""
        value = self._host.get(name, key)
        return None if value is None else json.loads(value)

    def put(self, name: str, key: str, row: dict[str, Any]) -> None:
        """Writes a row, filled up with blanks."""
        head = 1 if len(key) < 24 else 2
        value = json.dumps(row, separators=(",", ":")).encode()
        self._host.put(name, key, value.ljust(ROW_BYTES - head - len(key)))

    def page(self, name: str, prefix: str, after: str | None, limit: int) -> tuple[list[tuple[str, Any]], bool]:
        """Rows by the rest of their keys after `prefix`, and whether more follow."""
        start = None if after is None else prefix + after
        entries, more = self._host.prefix(name, prefix, start, limit)
        return [(key[len(prefix) :], json.loads(value)) for key, value in entries], more

    def all(self, name: str, prefix: str) -> list[tuple[str, Any]]:
        """All rows whose keys begin with `prefix`, by the rest of their keys."""
        rows: list[tuple[str, Any]] = []
        more = True
        while more:
            page, more = self.page(name, prefix, rows[-1][0] if rows else None, PAGE_MAX)
            rows += page
        return rows
