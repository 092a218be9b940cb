"""Claims that the receipt of a transaction proves."""

from __future__ import annotations

from hashlib import sha256

from . import host


def bind_claim(digest: bytes) -> None:
    """Binds a SHA-256 digest (32 bytes) into the transaction's leaf, at most 16 of them."""
    host.claims.bind(digest)


def bind_claim_of(statement: str | bytes) -> bytes:
    """Binds the SHA-256 of a statement, and tells it."""
    data = statement.encode() if isinstance(statement, str) else statement
    digest = sha256(data).digest()
    bind_claim(digest)
    return digest
