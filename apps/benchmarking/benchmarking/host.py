"""What the app needs of its host. The component binds it to the maps of the service, the tests to a table in memory."""

from __future__ import annotations

from typing import Protocol


class Host(Protocol):
    """The host of one call. Keys are ASCII."""

    def get(self, name: str, key: str) -> bytes | None:
        """The value of a key in the map of this name."""

    def put(self, name: str, key: str, value: bytes) -> None:
        """Gives a key a value."""

    def prefix(self, name: str, prefix: str, after: str | None, limit: int) -> tuple[list[tuple[str, bytes]], bool]:
        """The keys that begin with `prefix`, after `after`, in their order, and whether more follow."""

    def user(self) -> str:
        """The name of the calling user."""

    def roles(self) -> list[str]:
        """The roles of the calling user."""

    def now_ms(self) -> int:
        """The ledger's time, in Unix milliseconds."""
