"""Metrics and periods: what an organiser declares. Once declared they stand: rules that change after the first figure is
in could single somebody out.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from typing import Any

from .figures import DECIMALS_MAX, parse_figure, show_figure
from .problem import bad_request
from .statistics import PARTICIPANTS_MIN

# Most contributions to a period.
PARTICIPANTS_MAX = 1000
# A mark takes at most this many values, and one: the step of rounding is at least that part of the range.
STEPS_MAX = 100
# Longest time that a period is open: 400 days.
OPEN_MS_MAX = 400 * 24 * 3600 * 1000
# Longest title and unit, in characters.
TITLE_MAX = 100
UNIT_MAX = 20

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_BETTER = ("higher", "lower")


@dataclass(frozen=True)
class Metric:
    """What is compared. Figures are in units of the last decimal place."""

    title: str
    unit: str
    decimals: int
    minimum: int
    maximum: int
    step: int
    better: str
    participants_min: int

    def row(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    def shown(self, name: str) -> dict[str, Any]:
        """As it is told."""
        return self.row() | {
            "metric": name,
            "minimum": show_figure(self.minimum, self.decimals),
            "maximum": show_figure(self.maximum, self.decimals),
            "step": show_figure(self.step, self.decimals),
        }

    def figure(self, value: object) -> int:
        """A figure that somebody contributes, within the metric's bounds."""
        figure = parse_figure(value, self.decimals, "figure")
        if not self.minimum <= figure <= self.maximum:
            low, high = show_figure(self.minimum, self.decimals), show_figure(self.maximum, self.decimals)
            raise bad_request(f"`figure` must be from {low} to {high}")
        return figure


def parse_metric(fields: dict[str, Any]) -> Metric:
    """The metric that an organiser declares."""
    decimals = _integer(fields.get("decimals", 0), "decimals", 0, DECIMALS_MAX)
    metric = Metric(
        title=_text(fields.get("title"), "title", TITLE_MAX),
        unit=_text(fields.get("unit"), "unit", UNIT_MAX),
        decimals=decimals,
        minimum=parse_figure(fields.get("minimum"), decimals, "minimum"),
        maximum=parse_figure(fields.get("maximum"), decimals, "maximum"),
        step=parse_figure(fields.get("step"), decimals, "step"),
        better=_word(fields.get("better", "higher"), "better", _BETTER),
        participants_min=_integer(
            fields.get("participants_min", PARTICIPANTS_MIN), "participants_min", PARTICIPANTS_MIN, PARTICIPANTS_MAX
        ),
    )
    if metric.minimum >= metric.maximum:
        raise bad_request("`minimum` must be below `maximum`")
    if metric.step < 1 or metric.step * STEPS_MAX < metric.maximum - metric.minimum:
        raise bad_request(f"`step` must be at least a {STEPS_MAX}th of the range, or a mark would give a figure away")
    return metric


@dataclass(frozen=True)
class Period:
    """When figures are taken: until the ledger's time `closes_ms`."""

    closes_ms: int

    def row(self) -> dict[str, Any]:
        """As it is kept."""
        return asdict(self)

    def closed(self, now_ms: int) -> bool:
        """Whether figures are taken no more, and answers given."""
        return now_ms >= self.closes_ms


def parse_period(fields: dict[str, Any], now_ms: int) -> Period:
    """The period that an organiser opens: until `closes_ms`, or for `open_ms` from now on."""
    if ("closes_ms" in fields) == ("open_ms" in fields):
        raise bad_request("give `closes_ms` or `open_ms`")
    if "open_ms" in fields:
        return Period(now_ms + _integer(fields["open_ms"], "open_ms", 1, OPEN_MS_MAX))
    return Period(_integer(fields["closes_ms"], "closes_ms", now_ms + 1, now_ms + OPEN_MS_MAX))


def check_name(name: str, what: str) -> str:
    """The name of a metric or period."""
    if _NAME.fullmatch(name) is None:
        raise bad_request(f"the name of a {what} has 1 to 32 characters of [a-z0-9-]")
    return name


def _integer(value: object, what: str, low: int, high: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise bad_request(f"`{what}` must be an integer from {low} to {high}")
    return value


def _text(value: object, what: str, length_max: int) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= length_max or not value.isprintable():
        raise bad_request(f"`{what}` must be 1 to {length_max} printable characters")
    return value


def _word(value: object, what: str, words: tuple[str, ...]) -> str:
    if value not in words:
        raise bad_request(f"`{what}` must be one of: {', '.join(words)}")
    return str(value)
