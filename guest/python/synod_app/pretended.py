"""The host outside of components: the call that `testing.Synod` makes."""

from __future__ import annotations

from typing import Any, Callable

under_way: Any = None


def during(call: Any, work: Callable[[], Any]) -> Any:
    """Runs something with a call under way."""
    global under_way
    if under_way is not None:
        raise RuntimeError("one call at a time")
    under_way = call
    try:
        return work()
    finally:
        under_way = None


class _Interface:
    """Functions of the call that is under way."""

    def __getattr__(self, function: str) -> Any:
        if under_way is None:
            raise RuntimeError(
                "outside of a component the host is `synod_app.testing.Synod`: make the call through it"
            )
        return getattr(under_way, function)


maps = map_writes = caller = transaction = ledger_time = claims = random = log = _Interface()
