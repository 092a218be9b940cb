"""The library, against the pretended host. `python -m unittest discover tests`, in the folder above."""

from __future__ import annotations

import hashlib
import unittest
from dataclasses import dataclass, field
from pathlib import Path

from synod_app import App, Problem, Request, StoredMap, bind_claim_of, caller, keep_writes, keys, random, values
from synod_app.build import BuildError, WIT, manifest_of, world
from synod_app.testing import Synod, json_of, user
from synod_app.typed import Mistyped, typed


@dataclass
class Note:
    text: str
    tags: list[str] = field(default_factory=list)


counts = StoredMap("counts")
notes = StoredMap("notes", key=keys.tuple(keys.text, keys.number), value=values.of(Note))
app = App()


@app.post("/count")
def increase(_: Request) -> int:
    count = (counts.get(caller().id) or 0) + 1
    counts.put(caller().id, count)
    return count


@app.post("/refuse")
def refuse(request: Request) -> None:
    increase(request)
    raise Problem.conflict("no")


@app.post("/record")
def record(request: Request) -> None:
    increase(request)
    keep_writes()
    raise Problem.conflict("no")


@app.post("/break")
def broken(request: Request) -> None:
    increase(request)
    raise TypeError("a mistake of the app")


@app.get("/echo/{name}")
def echo(request: Request) -> list:
    return [request.params["name"], request.query("q"), request.query_number("n", 5, 9)]


@app.put("/note")
def note(request: Request) -> Note:
    return request.json(Note)


class Calls(unittest.TestCase):
    def test_a_call_that_is_refused_or_breaks_leaves_nothing_unless_it_asked_for_that(self) -> None:
        synod = Synod(app)
        post = lambda route: synod.call(user("anna"), f"POST {route}")
        self.assertEqual(json_of(post("/count")), 1)
        self.assertEqual(post("/refuse").status, 409)
        self.assertEqual(json_of(post("/count")), 2)
        self.assertEqual(json_of(post("/record")), {"status": 409, "code": "conflict", "title": "no"})
        self.assertEqual(json_of(post("/count")), 4)
        with self.assertRaises(TypeError):
            post("/break")
        self.assertIn("a mistake of the app", synod.log[0][1])
        self.assertEqual(json_of(post("/count")), 5)

    def test_a_request_meets_the_handler_of_its_route_and_method(self) -> None:
        synod = Synod(app)
        get = lambda query: synod.call(user("a"), "GET /echo/{name}", {"name": "x"}, query)
        self.assertEqual(json_of(get("q=a+b%2B%C3%A9&n=9")), ["x", "a b+é", 9])
        self.assertEqual(json_of(get("")), ["x", None, 5])
        for bad in ("n=10", "n=-1", "n=1e1", "n=", "n=٣", "q=%ff"):
            self.assertEqual(get(bad).status, 400, bad)
        self.assertEqual(synod.call(user("a"), "HEAD /echo/{name}", {"name": "x"}).status, 200)
        self.assertEqual(synod.call(user("a"), "PUT /count").status, 405)
        self.assertEqual(synod.call(user("a"), "GET /other").status, 404)

    def test_a_body_is_of_the_type_that_is_asked_for_or_refused(self) -> None:
        synod = Synod(app)
        put = lambda body: synod.call(user("a"), "PUT /note", body=body)
        self.assertEqual(json_of(put(b'{"text":"a"}')), {"text": "a", "tags": []})
        deep = b"[" * 100_000
        for bad in (b"{", b"\xff", b"[]", b'{"tags":[]}', b'{"text":1}', b'{"text":"a","other":1}', b"NaN", deep):
            self.assertEqual(put(bad).status, 400, bad[:20])


class Maps(unittest.TestCase):
    def test_rows_come_in_the_order_of_their_keys_by_prefix_range_and_page(self) -> None:
        Synod(app).run(self.rows)

    def rows(self) -> None:
        for number in range(250):
            notes.put(("b", number), Note(str(number)))
        notes.put(("a", 1), Note("a"))
        notes.put(("ba", 1), Note("ba"))
        numbers = lambda **span: [number for (_, number), _ in notes.entries(**span)]
        self.assertEqual(len(numbers(prefix=("b",))), 250)
        self.assertEqual(len(numbers()), 252)
        self.assertEqual(numbers(start=("b", 2), before=("b", 4)), [2, 3])
        self.assertEqual(numbers(prefix=("b",), after=("b", 247)), [248, 249])
        page = notes.page(3, prefix=("b",), after=("b", 4))
        self.assertEqual(([number for (_, number), _ in page.rows], page.more), ([5, 6, 7], True))
        self.assertFalse(notes.page(1, prefix=("ba",)).more)
        self.assertEqual(notes.get(("a", 1)), Note("a"))
        notes.delete(("a", 1))
        self.assertEqual((notes.has(("a", 1)), notes.get(("a", 1))), (False, None))

    def test_keys_come_back_as_they_were_and_have_the_order_of_their_bytes(self) -> None:
        pair = keys.tuple(keys.text, keys.number)
        texts = ("", "\0", "\0a", "a", "a\0", "aa", "é", "\U0001f600")
        ordered = [(text, number) for text in texts for number in (0, 256, 2**64 - 1)]
        written = [pair.write(key, True) for key in ordered]
        self.assertEqual(sorted(written), written)
        self.assertEqual([pair.read(data, True) for data in written], [(key, b"") for key in ordered])
        self.assertEqual(pair.write(("a", 1), True), b"a\0\0\0\0\0\0\0\0\0\x01")
        self.assertEqual(keys.descending.read(keys.descending.write(7, True), True), (7, b""))
        for broken in (b"a", b"a\0", b"a\0\x01", b"a\0\0\x01"):
            with self.assertRaises(ValueError):
                pair.read(broken, True)


class Rest(unittest.TestCase):
    def test_claims_are_bound(self) -> None:
        synod = Synod(app)
        digest = synod.run(lambda: bind_claim_of("statement"))
        self.assertEqual(synod.claims, [hashlib.sha256(b"statement").digest()])
        self.assertEqual(digest, synod.claims[0])

    def test_random_names_and_numbers_come_from_the_host(self) -> None:
        def draw() -> None:
            self.assertRegex(random.name(), "^[A-Za-z0-9_-]{22}$")
            self.assertEqual({random.below(3) for _ in range(300)}, {0, 1, 2})
            self.assertEqual(random.below(1), 0)

        Synod(app).run(draw)

    def test_values_are_typed_or_refused_with_their_place(self) -> None:
        self.assertEqual(typed(list[Note | None], [None, {"text": "a"}]), [None, Note("a")])
        self.assertEqual(typed(dict[str, float], {"a": 1}), {"a": 1.0})
        with self.assertRaisesRegex(Mistyped, r"it\[0\]\.text must be text"):
            typed(list[Note], [{"text": True}])
        with self.assertRaises(Mistyped):
            typed(int, True)

    def test_the_wit_is_the_original(self) -> None:
        original = Path(__file__).parents[3] / "wit" / "app.wit"
        self.assertEqual(WIT.read_text(), original.read_text())

    def test_what_the_developer_can_mend_is_told(self) -> None:
        self.assertIn("import maps;\n    export handler;\n}", world(["maps"], False))
        with self.assertRaisesRegex(BuildError, "no interface `files`"):
            world(["files"], False)
        with self.assertRaisesRegex(BuildError, "app.toml"):
            manifest_of(Path("/nonexistent"))


if __name__ == "__main__":
    unittest.main()
