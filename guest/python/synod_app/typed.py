"""Values of JSON as dataclasses."""

from __future__ import annotations

import types
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Union, get_args, get_origin, get_type_hints


class Mistyped(ValueError):
    """A value that is not of its type; the text says where."""


def typed(kind: Any, value: Any, at: str = "it") -> Any:
    """The value as `kind`: a dataclass, `list[…]`, `dict[str, …]`, `… | None`, text, number or truth."""
    if kind is Any:
        return value
    if is_dataclass(kind):
        return _record(kind, value, at)
    origin, args = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        return _one_of(args, value, at)
    if origin is list:
        _must(isinstance(value, list), at, "a list")
        return [typed(args[0], item, f"{at}[{index}]") for index, item in enumerate(value)]
    if origin is dict:
        _must(isinstance(value, dict), at, "an object")
        return {name: typed(args[1], item, f"{at}.{name}") for name, item in value.items()}
    if kind is float and type(value) is int:
        return float(value)
    expected = type(None) if kind is None else kind
    _must(type(value) is expected, at, NAMES.get(expected, str(kind)))
    return value


NAMES = {str: "text", int: "a whole number", float: "a number", bool: "true or false", type(None): "null"}


def _record(kind: Any, value: Any, at: str) -> Any:
    _must(isinstance(value, dict), at, "an object")
    hints = get_type_hints(kind)
    known = {own.name: own for own in fields(kind) if own.init}
    for name in value:
        _must(name in known, f"{at}.{name}", "absent, since nobody knows it")
    for name, own in known.items():
        required = own.default is MISSING and own.default_factory is MISSING
        _must(name in value or not required, f"{at}.{name}", "there")
    return kind(**{name: typed(hints[name], item, f"{at}.{name}") for name, item in value.items()})


def _one_of(kinds: tuple[Any, ...], value: Any, at: str) -> Any:
    reasons = []
    for kind in kinds:
        try:
            return typed(kind, value, at)
        except Mistyped as reason:
            reasons.append(str(reason))
    raise Mistyped(" or ".join(reasons))


def _must(truth: bool, at: str, what: str) -> None:
    if not truth:
        raise Mistyped(f"{at} must be {what}")
