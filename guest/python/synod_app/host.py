"""The host: in a component what it imports, elsewhere what `testing` pretends.

The one place that knows the difference. What the manifest does not admit, the component has not: whoever calls it
nevertheless is told so.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

IN_COMPONENT = find_spec("wit_world") is not None


class Missing:
    """An interface that the manifest does not admit."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, function: str) -> Any:
        raise RuntimeError(f"`{self._name}` is not among the `imports` of app.toml")


def _interface(name: str) -> Any:
    module = name.replace("-", "_")
    if not IN_COMPONENT:
        return getattr(import_module("synod_app.pretended"), module)
    try:
        return import_module(f"wit_world.imports.{module}")
    except ModuleNotFoundError:
        return Missing(name)


maps = _interface("maps")
map_writes = _interface("map-writes")
identity = _interface("caller")
transaction = _interface("transaction")
ledger_time = _interface("ledger-time")
claims = _interface("claims")
random = _interface("random")
log = _interface("log")


def admitted(interface: Any) -> bool:
    """Whether the manifest admits the interface."""
    return not isinstance(interface, Missing)
