"""One call: who asks, when, and for what."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from .host import Host
from .problem import bad_request, unknown
from .rules import Metric, Period, check_name
from .store import METRICS, PERIODS, Store

ORGANISER = "organiser"
PARTICIPANT = "participant"

# Entries of a list, at most and unless the caller says otherwise.
LIST_MAX = 100
_STRINGS = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NESTED = re.compile(rb"[\[{].*[\[{]", re.DOTALL)
_QUERY = re.compile(r"(after|limit)=([a-z0-9-]*)")


@dataclass(frozen=True)
class Answer:
    """What is answered."""

    status: int
    json: dict[str, Any]


class Call:
    """What the rules need to know of a request."""

    def __init__(self, host: Host, params: dict[str, str], query: str | None, body: bytes) -> None:
        self.store = Store(host)
        self.user = host.user()
        self.now_ms = host.now_ms()
        self._roles = host.roles()
        self._params = params
        self._query = query
        self._body = body

    def has_role(self, role: str) -> bool:
        """Whether the caller has this role."""
        return role in self._roles

    def metric_name(self) -> str:
        """The metric that the path names."""
        return check_name(self._params.get("metric", ""), "metric")

    def period_name(self) -> str:
        """The period that the path names."""
        return check_name(self._params.get("period", ""), "period")

    def metric(self) -> Metric:
        """The metric that the path names, which must be there."""
        row = self.store.get(METRICS, self.metric_name())
        if row is None:
            raise unknown("metric")
        return Metric(**row)

    def period_key(self) -> str:
        """What names the period in the maps."""
        return f"{self.metric_name()}/{self.period_name()}"

    def period(self) -> Period:
        """The period that the path names, which must be there."""
        row = self.store.get(PERIODS, self.period_key())
        if row is None:
            raise unknown("period")
        return Period(**row)

    def fields(self, allowed: tuple[str, ...]) -> dict[str, Any]:
        """The JSON object in the body, which has no other fields than these."""
        found = _parse(self._body) if self._body else {}
        if not isinstance(found, dict):
            raise bad_request("the body must be a JSON object")
        if any(name not in allowed for name in found):
            raise bad_request(f"unknown field; there are: {', '.join(allowed) or 'none'}")
        return found

    def listing(self) -> tuple[str | None, int]:
        """After which name the list begins, and how many entries it has."""
        found: dict[str, str] = {}
        for part in (self._query or "").split("&"):
            match = _QUERY.fullmatch(part)
            if part and (match is None or match[1] in found):
                raise bad_request("the query may have `after` and `limit`, each once")
            if match is not None:
                found[match[1]] = match[2]
        limit = found.get("limit", str(LIST_MAX))
        if not limit.isdecimal() or len(limit) > 3 or not 1 <= int(limit) <= LIST_MAX:
            raise bad_request(f"`limit` must be from 1 to {LIST_MAX}")
        return found.get("after"), int(limit)


def _parse(body: bytes) -> Any:
    # A deep nest of brackets would exhaust the stack; no body here has a list or object in it.
    if _NESTED.search(_STRINGS.sub(b"", body)):
        raise bad_request("the body must be JSON without lists or objects in it")
    try:
        # A number with a point stays the text that it is: a float would not be the figure that was sent.
        return json.loads(body, parse_float=str, parse_constant=_no_number, object_pairs_hook=_object)
    except ValueError:
        raise bad_request("the body must be JSON in UTF-8") from None


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice")
    return found
