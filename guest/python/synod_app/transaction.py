"""The transaction that a call is, and who makes it."""

from __future__ import annotations

from dataclasses import dataclass

from . import host


@dataclass(frozen=True)
class Caller:
    """A caller, as the ledger's own tables have it."""

    kind: str
    """`anonymous`, `user`, `member` or `service`."""
    id: str
    """The name of the user or member; empty for others."""
    roles: tuple[str, ...]
    claims: dict[str, str]
    """What else is verified; `key` is the SHA-256 of the public key in the caller's certificate."""


def caller() -> Caller:
    """The caller of this request."""
    told = host.identity.identify()
    return Caller(told.kind.name.lower(), told.id, tuple(told.roles), dict(told.claims))


def transaction_id() -> str:
    """The name that this transaction has if it takes effect, written `view.seqno`.

    A call that asked is executed again if another takes its place first. To name rows, take `random`.
    """
    told = host.transaction.id()
    return f"{told.view}.{told.seqno}"


def ledger_time() -> int:
    """The ledger's time, in milliseconds since 1970-01-01 UTC. It never goes back, and may stand still for a while."""
    return host.ledger_time.now()


def keep_writes() -> None:
    """Keeps what this call writes even if it answers with a status from 400 on: to put a refusal on record."""
    host.map_writes.keep()
