"""What organisers do: they declare metrics and open periods. They see how many contributed, never who, nor a figure."""

from __future__ import annotations

from typing import Any

from .call import ORGANISER, PARTICIPANT, Answer, Call
from .contributing import contribution, count
from .problem import conflict
from .rules import Metric, Period, parse_metric, parse_period
from .store import METRICS, PERIODS

_METRIC_FIELDS = ("title", "unit", "decimals", "minimum", "maximum", "step", "better", "participants_min")


def declare_metric(call: Call) -> Answer:
    """`PUT /metrics/{metric}`"""
    name, metric = call.metric_name(), parse_metric(call.fields(_METRIC_FIELDS))
    known = call.store.get(METRICS, name)
    if known is None:
        call.store.put(METRICS, name, metric.row())
        return Answer(201, metric.shown(name))
    if Metric(**known) != metric:
        raise conflict("declared", "a metric stands as it was declared; declare another")
    return Answer(200, metric.shown(name))


def open_period(call: Call) -> Answer:
    """`PUT /metrics/{metric}/periods/{period}`"""
    call.metric()
    period = parse_period(call.fields(("closes_ms", "open_ms")), call.now_ms)
    if call.store.get(PERIODS, call.period_key()) is not None:
        raise conflict("declared", "a period stands as it was opened; open another")
    call.store.put(PERIODS, call.period_key(), period.row())
    return Answer(201, _shown(call, call.period_name(), period))


def list_metrics(call: Call) -> Answer:
    """`GET /metrics`"""
    after, limit = call.listing()
    rows, more = call.store.page(METRICS, "", after, limit)
    return Answer(200, {"metrics": [Metric(**row).shown(name) for name, row in rows], "more": more})


def show_metric(call: Call) -> Answer:
    """`GET /metrics/{metric}`"""
    return Answer(200, call.metric().shown(call.metric_name()))


def list_periods(call: Call) -> Answer:
    """`GET /metrics/{metric}/periods`"""
    call.metric()
    after, limit = call.listing()
    rows, more = call.store.page(PERIODS, f"{call.metric_name()}/", after, limit)
    periods = [{"period": name, **_times(call, Period(**row))} for name, row in rows]
    return Answer(200, {"periods": periods, "more": more})


def show_period(call: Call) -> Answer:
    """`GET /metrics/{metric}/periods/{period}`"""
    return Answer(200, _shown(call, call.period_name(), call.period()))


def _shown(call: Call, name: str, period: Period) -> dict[str, Any]:
    """The period: with the count for organisers, with whether they contributed for participants."""
    shown: dict[str, Any] = {"metric": call.metric_name(), "period": name, **_times(call, period)}
    if call.has_role(ORGANISER):
        shown["participants"] = count(call).contributed
    if call.has_role(PARTICIPANT):
        shown["contributed"] = contribution(call) is not None
    return shown


def _times(call: Call, period: Period) -> dict[str, Any]:
    state = "closed" if period.closed(call.now_ms) else "open"
    return {"closes_ms": period.closes_ms, "now_ms": call.now_ms, "state": state}
