"""Which function answers which request. Paths and methods are those of `app.toml`; a test compares the two."""

from __future__ import annotations

from collections.abc import Callable

from . import contributing, declaring, releasing
from .call import Answer, Call

_METRIC = "/metrics/{metric}"
_PERIOD = "/metrics/{metric}/periods/{period}"

# Method and route, and what answers.
ROUTES: dict[tuple[str, str], Callable[[Call], Answer]] = {
    ("GET", "/metrics"): declaring.list_metrics,
    ("GET", _METRIC): declaring.show_metric,
    ("PUT", _METRIC): declaring.declare_metric,
    ("GET", f"{_METRIC}/periods"): declaring.list_periods,
    ("GET", _PERIOD): declaring.show_period,
    ("PUT", _PERIOD): declaring.open_period,
    ("GET", f"{_PERIOD}/figure"): contributing.show_own_figure,
    ("PUT", f"{_PERIOD}/figure"): contributing.put_figure,
    ("DELETE", f"{_PERIOD}/figure"): contributing.withdraw_figure,
    ("GET", f"{_PERIOD}/result"): releasing.show_result,
    ("POST", "/clock"): contributing.wind_clock,
}
