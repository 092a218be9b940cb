"""What participants do while a period is open: they give a figure, replace it or withdraw it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from .call import Answer, Call
from .figures import show_figure
from .problem import bad_request, conflict, unknown
from .rules import PARTICIPANTS_MAX, Metric
from .store import CLOCK, COUNTS, FIGURES


@dataclass(frozen=True)
class Count:
    """How many stand with a figure in a period, and how many ever did."""

    contributed: int = 0
    rows: int = 0


def count(call: Call) -> Count:
    """The period's count."""
    return Count(**(call.store.get(COUNTS, call.period_key()) or {}))


def contribution(call: Call) -> int | None:
    """The caller's figure."""
    row = call.store.get(FIGURES, _key(call))
    return None if row is None else row["figure"]


def put_figure(call: Call) -> Answer:
    """`PUT /metrics/{metric}/periods/{period}/figure`"""
    metric = _open_for_figures(call)
    fields = call.fields(("figure",))
    if "figure" not in fields:
        raise bad_request("`figure` is missing")
    figure = metric.figure(fields["figure"])
    _set(call, figure)
    return Answer(200, {"figure": show_figure(figure, metric.decimals)})


def withdraw_figure(call: Call) -> Answer:
    """`DELETE /metrics/{metric}/periods/{period}/figure`"""
    _open_for_figures(call)
    call.fields(())
    if contribution(call) is None:
        raise unknown("figure")
    _set(call, None)
    return Answer(200, {})


def show_own_figure(call: Call) -> Answer:
    """`GET /metrics/{metric}/periods/{period}/figure`"""
    metric = call.metric()
    call.period()
    figure = contribution(call)
    if figure is None:
        raise unknown("figure")
    return Answer(200, {"figure": show_figure(figure, metric.decimals)})


def wind_clock(call: Call) -> Answer:
    """`POST /clock`: writes a row, so that a ledger on which nothing happens learns the time."""
    call.fields(())
    call.store.put(CLOCK, "0", {})
    return Answer(200, {"now_ms": call.now_ms})


def _open_for_figures(call: Call) -> Metric:
    metric = call.metric()
    if call.period().closed(call.now_ms):
        raise conflict("closed", "the period is closed; its figures stand as they are")
    return metric


def _set(call: Call, figure: int | None) -> None:
    """Two rows are written, whatever the figure was before, so that the ledger shows no difference."""
    key, counted = _key(call), count(call)
    before = call.store.get(FIGURES, key)
    rows = counted.rows + (before is None)
    if rows > PARTICIPANTS_MAX:
        raise conflict("full", f"a period takes the figures of {PARTICIPANTS_MAX} participants")
    stood = before is not None and before["figure"] is not None
    contributed = counted.contributed + (figure is not None) - stood
    call.store.put(FIGURES, key, {"figure": figure})
    call.store.put(COUNTS, call.period_key(), asdict(Count(contributed, rows)))


def _key(call: Call) -> str:
    return f"{call.period_key()}/{call.user}"
