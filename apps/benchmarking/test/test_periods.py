"""What organisers and participants are answered, and what nobody is."""

from __future__ import annotations

import json
import tomllib
import unittest
from pathlib import Path
from typing import Any

from benchmarking.routes import ROUTES
from benchmarking.store import ROW_BYTES

from .synod import START_MS, Synod

METRIC = {
    "title": "Cost per call",
    "unit": "EUR",
    "decimals": 2,
    "minimum": 0,
    "maximum": 100,
    "step": 1,
    "better": "lower",
}
PERIOD = "/metrics/cost/periods/2026-q1"
CLOSES_MS = START_MS + 1000


def founded(**changes: Any) -> Synod:
    """A synod with a metric, an open period, an organiser and firms `firm-0` to `firm-9`."""
    synod = Synod()
    synod.roles = {"olga": ["organiser"]} | {f"firm-{at}": ["participant"] for at in range(10)}
    assert synod.ask("olga", "PUT /metrics/cost", METRIC | changes)[0] == 201
    assert synod.ask("olga", f"PUT {PERIOD}", {"closes_ms": CLOSES_MS})[0] == 201
    return synod


def contribute(synod: Synod, figures: list[str]) -> None:
    for at, figure in enumerate(figures):
        status, _ = synod.ask(f"firm-{at}", f"PUT {PERIOD}/figure", {"figure": figure})
        assert status == 200, status


class Periods(unittest.TestCase):
    def test_each_contributor_learns_its_own_place_and_the_marks(self) -> None:
        synod = founded()
        contribute(synod, ["10", "20", "30", "40", "50.00", "60.5"])
        synod.now_ms = CLOSES_MS
        status, found = synod.ask("firm-1", f"GET {PERIOD}/result")
        self.assertEqual(status, 200)
        self.assertEqual(
            found,
            {
                "metric": "cost",
                "period": "2026-q1",
                "unit": "EUR",
                "figure": "20.00",
                "rank": 2,
                "participants": 6,
                "band": 1,
                "lower": "20.00",
                "median": "35.00",
                "upper": "50.00",
                "rounded_to": "1.00",
            },
        )
        self.assertEqual(synod.ask("firm-5", f"GET {PERIOD}/result")[1]["rank"], 6)

    def test_nobody_is_answered_before_the_period_closes(self) -> None:
        synod = founded()
        contribute(synod, ["1", "2", "3", "4", "5", "6"])
        synod.now_ms = CLOSES_MS - 1
        for user in ("firm-0", "olga"):
            self.assertEqual(synod.ask(user, f"GET {PERIOD}/result")[1]["code"], "open")

    def test_figures_stand_once_the_period_is_closed(self) -> None:
        synod = founded()
        contribute(synod, ["1", "2", "3", "4", "5", "6"])
        synod.now_ms = CLOSES_MS
        before = synod.ask("firm-0", f"GET {PERIOD}/result")
        for line, body in [("PUT", {"figure": 9}), ("DELETE", None)]:
            for user in ("firm-0", "firm-9"):
                self.assertEqual(synod.ask(user, f"{line} {PERIOD}/figure", body)[1]["code"], "closed")
        self.assertEqual(synod.ask("olga", f"PUT {PERIOD}", {"closes_ms": CLOSES_MS + 9})[1]["code"], "declared")
        self.assertEqual(synod.ask("firm-0", f"GET {PERIOD}/result"), before)

    def test_too_few_get_no_answer_ever(self) -> None:
        for needed, given in [(5, 4), (7, 6)]:
            synod = founded(participants_min=needed)
            contribute(synod, [str(at) for at in range(given)])
            synod.now_ms = CLOSES_MS
            self.assertEqual(synod.ask("firm-0", f"GET {PERIOD}/result")[1]["code"], "too_few")
        status, found = Synod().ask("olga", "PUT /metrics/cost", METRIC | {"participants_min": 4})
        self.assertEqual((status, found["code"]), (400, "bad_request"))

    def test_who_did_not_contribute_gets_no_answer(self) -> None:
        synod = founded()
        contribute(synod, ["1", "2", "3", "4", "5", "6"])
        self.assertEqual(synod.ask("firm-5", f"DELETE {PERIOD}/figure")[0], 200)
        synod.now_ms = CLOSES_MS
        for user in ("firm-5", "firm-9", "olga"):
            self.assertEqual(synod.ask(user, f"GET {PERIOD}/result"), (403, {
                "code": "not_contributed", "title": "only who contributed gets an answer",
            }))
        self.assertEqual(synod.ask("firm-0", f"GET {PERIOD}/result")[1]["participants"], 5)

    def test_the_newest_figure_counts_and_each_firm_once(self) -> None:
        synod = founded()
        contribute(synod, ["1", "2", "3", "4", "5"])
        contribute(synod, ["9"])
        self.assertEqual(synod.ask("olga", f"GET {PERIOD}")[1]["participants"], 5)
        self.assertEqual(synod.ask("firm-0", f"GET {PERIOD}/figure")[1], {"figure": "9.00"})
        synod.now_ms = CLOSES_MS
        self.assertEqual(synod.ask("firm-0", f"GET {PERIOD}/result")[1]["rank"], 5)

    def test_the_organiser_sees_a_count_and_nothing_else(self) -> None:
        synod = founded()
        contribute(synod, ["11.11", "22.22", "33.33"])
        answers = [synod.ask("olga", f"GET {path}") for path in ("/metrics", PERIOD, "/metrics/cost/periods")]
        self.assertEqual(answers[1][1]["participants"], 3)
        told = json.dumps(answers)
        for secret in ("firm", "11.11", "22.22", "33.33", "contributed"):
            self.assertNotIn(secret, told)
        self.assertEqual(synod.ask("olga", f"GET {PERIOD}/figure")[0], 404)

    def test_participants_do_not_see_the_count_of_an_open_period(self) -> None:
        synod = founded()
        contribute(synod, ["1", "2", "3"])
        status, shown = synod.ask("firm-0", f"GET {PERIOD}")
        self.assertEqual((status, shown["contributed"], shown["state"]), (200, True, "open"))
        self.assertNotIn("participants", shown)
        self.assertFalse(synod.ask("firm-9", f"GET {PERIOD}")[1]["contributed"])

    def test_giving_replacing_and_withdrawing_write_equally_much(self) -> None:
        synod = founded()
        sizes = set()
        for user in ("firm-0", "firm-1"):
            for line, body in [("PUT", {"figure": 1}), ("PUT", {"figure": "99.99"}), ("DELETE", None)]:
                self.assertEqual(synod.ask(user, f"{line} {PERIOD}/figure", body)[0], 200)
                sizes.add(tuple(synod.written))
        self.assertEqual(sizes, {(ROW_BYTES, ROW_BYTES)})

    def test_declarations_stand(self) -> None:
        synod = founded()
        self.assertEqual(synod.ask("olga", "PUT /metrics/cost", METRIC)[0], 200)
        self.assertEqual(synod.ask("olga", "PUT /metrics/cost", METRIC | {"step": 2})[1]["code"], "declared")
        self.assertEqual(synod.ask("firm-0", "GET /metrics/cost")[1]["step"], "1.00")
        self.assertEqual(synod.ask("firm-0", "GET /metrics/none")[1]["code"], "unknown_metric")
        self.assertEqual(synod.ask("firm-0", "GET /metrics/cost/periods/none")[1]["code"], "unknown_period")

    def test_odd_declarations_are_refused(self) -> None:
        for changes in [
            {"title": ""}, {"title": "x" * 101}, {"title": "a\nb"}, {"unit": 5}, {"decimals": 7}, {"decimals": True},
            {"minimum": 100}, {"step": 0}, {"step": "0.99"}, {"step": -1}, {"better": "faster"}, {"more": 1},
            {"participants_min": 1001}, {"maximum": None},
        ]:
            with self.subTest(changes=changes):
                self.assertEqual(Synod().ask("olga", "PUT /metrics/cost", METRIC | changes)[0], 400)
        synod = founded()
        for body in [
            {}, {"closes_ms": START_MS}, {"closes_ms": START_MS + 400 * 24 * 3600 * 1000 + 1}, {"closes_ms": "soon"},
            {"open_ms": 0}, {"open_ms": 5, "closes_ms": START_MS + 5}, [], b"{", b"\xff", b"[" * 4000, b'{"open_ms":' + b"[" * 4000,
            b'"\\"' + b"{" * 4000,
            b'{"open_ms":1,"open_ms":2}', b'{"open_ms":NaN}', b"1" * 4096,
        ]:
            with self.subTest(body=body):
                self.assertEqual(synod.ask("olga", "PUT /metrics/cost/periods/next", body)[0], 400)

    def test_odd_figures_are_refused(self) -> None:
        synod = founded()
        for body in [{}, {"figure": 101}, {"figure": "-0.01"}, {"figure": "1.005"}, {"figure": True},
                     {"figure": 1, "x": 1}, b'{"figure":1e1}']:
            with self.subTest(body=body):
                self.assertEqual(synod.ask("firm-0", f"PUT {PERIOD}/figure", body)[0], 400)
        self.assertEqual(synod.ask("firm-0", f"PUT {PERIOD}/figure", b'{"figure":12.5}')[1], {"figure": "12.50"})

    def test_lists_are_paged(self) -> None:
        synod = founded()
        for name in ("a", "b", "d"):
            synod.ask("olga", f"PUT /metrics/{name}", METRIC)
        page = synod.ask("firm-0", "GET /metrics?limit=2")[1]
        self.assertEqual(([m["metric"] for m in page["metrics"]], page["more"]), (["a", "b"], True))
        page = synod.ask("firm-0", "GET /metrics?limit=2&after=b")[1]
        self.assertEqual(([m["metric"] for m in page["metrics"]], page["more"]), (["cost", "d"], False))
        for query in ("limit=0", "limit=101", "limit=x", "limit=1&limit=1", "from=a", "limit=²"):
            self.assertEqual(synod.ask("firm-0", f"GET /metrics?{query}")[0], 400, query)

    def test_a_period_is_full_at_a_thousand(self) -> None:
        synod = founded()
        key = "cost/2026-q1"
        synod.maps["counts"] = {key: b'{"contributed":999,"rows":1000}'}
        self.assertEqual(synod.ask("firm-0", f"PUT {PERIOD}/figure", {"figure": 1})[1]["code"], "full")
        synod.maps["counts"] = {key: b'{"contributed":998,"rows":999}'}
        self.assertEqual(synod.ask("firm-0", f"PUT {PERIOD}/figure", {"figure": 1})[0], 200)
        self.assertEqual(synod.ask("olga", f"GET {PERIOD}")[1]["participants"], 999)


class Manifest(unittest.TestCase):
    def test_manifest_and_code_have_the_same_routes_and_maps(self) -> None:
        manifest = tomllib.loads((Path(__file__).parent.parent / "app.toml").read_text())
        declared = {(method, route["path"]) for route in manifest["routes"] for method in route["methods"]}
        self.assertEqual(declared, set(ROUTES))
        self.assertEqual(
            set(manifest["maps"]["private"]), {"metrics", "periods", "counts", "figures", "clock"}
        )
        described = json.loads((Path(__file__).parent.parent / "openapi.json").read_text())
        paths = {(method.upper(), path) for path, methods in described["paths"].items() for method in methods}
        self.assertEqual(paths, set(ROUTES))


if __name__ == "__main__":
    unittest.main()
