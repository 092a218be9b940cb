"""The answer to a closed period: to each contributor the own place, and marks of the whole."""

from __future__ import annotations

from .call import Answer, Call
from .contributing import contribution
from .figures import show_figure
from .problem import Problem, conflict
from .statistics import band, marks, rank
from .store import FIGURES


def show_result(call: Call) -> Answer:
    """`GET /metrics/{metric}/periods/{period}/result`

    Nothing is told before the period closes, and its figures never change afterwards: so there is one answer to a
    period, and no two whose difference would be one participant's figure.
    """
    metric, period = call.metric(), call.period()
    if not period.closed(call.now_ms):
        raise conflict("open", "the period is still open; answers are given when it has closed")
    own = contribution(call)
    if own is None:
        raise Problem(403, "not_contributed", "only who contributed gets an answer")
    rows = call.store.all(FIGURES, f"{call.period_key()}/")
    figures = [row["figure"] for _, row in rows if row["figure"] is not None]
    if len(figures) < metric.participants_min:
        raise conflict("too_few", f"fewer than {metric.participants_min} contributed; there will be no answer")
    place = rank(figures, own, metric.better == "higher")
    found = marks(figures, metric.step)

    def shown(figure: int) -> str:
        return show_figure(figure, metric.decimals)

    return Answer(
        200,
        {
            "metric": call.metric_name(),
            "period": call.period_name(),
            "unit": metric.unit,
            "figure": shown(own),
            "rank": place,
            "participants": len(figures),
            "band": band(place, len(figures)),
            "lower": shown(found.lower),
            "median": shown(found.median),
            "upper": shown(found.upper),
            "rounded_to": shown(metric.step),
        },
    )
