"""Figures: integers or decimals with a fixed number of places, kept as integers so that nothing is ever rounded unasked."""

from __future__ import annotations

import re

from .problem import bad_request

# Most decimal places of a metric.
DECIMALS_MAX = 6
# Most digits before the point.
DIGITS_MAX = 12

_FIGURE = re.compile(r"(-?)(0|[1-9][0-9]{0,%d})(?:\.([0-9]{1,%d}))?" % (DIGITS_MAX - 1, DECIMALS_MAX))


def parse_figure(value: object, decimals: int, what: str) -> int:
    """The figure in units of its last decimal place: `12.5` with two places is 1250.

    It is a number of JSON, or a string of one, and has no more places than the metric.
    """
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise bad_request(f"`{what}` must be a number, such as 12 or \"12.50\"")
    found = _FIGURE.fullmatch(str(value)) if not isinstance(value, int) or abs(value) < 10**DIGITS_MAX else None
    if found is None:
        raise bad_request(f"`{what}` must be a decimal with at most {DIGITS_MAX} digits before the point")
    sign, whole, places = found.group(1), found.group(2), found.group(3) or ""
    if len(places) > decimals:
        raise bad_request(f"`{what}` has more than {decimals} decimal places")
    figure = int(whole + places.ljust(decimals, "0"))
    return -figure if sign else figure


def show_figure(figure: int, decimals: int) -> str:
    """The figure as people write it, with all its places."""
    digits = str(abs(figure)).rjust(decimals + 1, "0")
    whole, places = (digits[:-decimals], digits[-decimals:]) if decimals else (digits, "")
    sign = "-" if figure < 0 else ""
    return f"{sign}{whole}.{places}" if decimals else f"{sign}{whole}"
