import assert from "node:assert/strict";
import test from "node:test";

import { Synod } from "./synod.mjs";

function roomOf(synod, history, ...others) {
  const { json } = synod.ask("anna", "POST /rooms", { name: "board", history });
  for (const user of others) {
    assert.equal(synod.ask("anna", `PUT /rooms/${json.id}/members/${user}`).status, 201);
  }
  return json.id;
}

function say(synod, user, room, text) {
  const { status, json } = synod.ask(user, `POST /rooms/${room}/messages`, { text });
  assert.equal(status, 201);
  return json.number;
}

const numbers = ({ json }) => json.events.map(({ number }) => number);

test("events of a room are numbered without gaps, in the order in which they happened", () => {
  const synod = new Synod();
  const room = roomOf(synod, "all", "bob");
  assert.equal(say(synod, "anna", room, "one"), 3);
  assert.equal(say(synod, "bob", room, "two"), 4);
  const { events } = synod.ask("bob", `GET /rooms/${room}/messages`).json;
  assert.deepEqual(
    events.map(({ number, kind, author, text }) => [number, kind, author, text]),
    [
      [1, "created", "anna", "board"],
      [2, "joined", "anna", undefined],
      [3, "message", "anna", "one"],
      [4, "message", "bob", "two"],
    ],
  );
  assert.equal(new Set(events.map(({ id }) => id)).size, 4);
});

test("history is read from the newest page back and from any event on", () => {
  const synod = new Synod();
  const room = roomOf(synod, "all");
  for (let count = 2; count <= 10; count += 1) {
    say(synod, "anna", room, `message ${count}`);
  }
  const page = (query) => synod.ask("anna", `GET /rooms/${room}/messages${query}`);
  assert.deepEqual(numbers(page("?limit=3")), [8, 9, 10]);
  assert.deepEqual(numbers(page("?limit=3&before=8")), [5, 6, 7]);
  assert.deepEqual(numbers(page("?limit=3&before=2")), [1]);
  assert.deepEqual(numbers(page("?before=1")), []);
  assert.deepEqual(numbers(page("?limit=3&before=999")), [8, 9, 10]);
  assert.deepEqual(numbers(page("?limit=3&after=2")), [3, 4, 5]);
  assert.deepEqual(numbers(page("?after=9")), [10]);
  assert.deepEqual(numbers(page("?after=10")), []);
  assert.deepEqual(numbers(page("?after=999999999999")), []);
  const middle = page("?limit=3&before=8").json;
  assert.deepEqual([middle.older, middle.newer], [true, true]);
  assert.equal(page("?limit=3").json.newer, false);
  assert.equal(page("?limit=3&before=4").json.older, false);
  assert.equal(page("?before=3&after=3").status, 400);
  assert.equal(page("?limit=101").status, 400);
  assert.equal(page("?limit=0").status, 400);
  assert.equal(page("?befor=3").status, 400);
  assert.equal(page("?limit=1&limit=2").status, 400);
});

test("who joins later sees nothing from before, unless the room says so", () => {
  for (const history of ["joined", "all"]) {
    const synod = new Synod();
    const room = roomOf(synod, history);
    const secret = say(synod, "anna", room, "before you came");
    synod.ask("anna", `PUT /rooms/${room}/members/bob`);
    say(synod, "anna", room, "welcome");
    const seen = numbers(synod.ask("bob", `GET /rooms/${room}/messages?before=100`));
    assert.deepEqual(seen, history === "all" ? [1, 2, 3, 4] : [3, 4]);
    const single = synod.ask("bob", `GET /rooms/${room}/messages/${secret}`);
    assert.equal(single.status, history === "all" ? 200 : 404);
    const answering = synod.ask("bob", `POST /rooms/${room}/messages`, { text: "?", reply_to: secret });
    assert.equal(answering.status, history === "all" ? 201 : 404);
    synod.ask("anna", `PUT /rooms/${room}/messages/${secret}`, { text: "still before you came" });
    const inbox = Object.fromEntries(synod.rows("inbox"))[`bob/${room}`];
    assert.equal(JSON.stringify(inbox).includes("before you came"), history === "all");
  }
});

test("only its author edits or deletes a message", () => {
  const synod = new Synod();
  const room = roomOf(synod, "all", "bob");
  const number = say(synod, "bob", room, "first wording");
  const message = `/rooms/${room}/messages/${number}`;
  assert.equal(synod.ask("anna", `PUT ${message}`, { text: "forged" }).status, 403);
  assert.equal(synod.ask("anna", `DELETE ${message}`).status, 403);
  assert.equal(synod.ask("bob", `DELETE /rooms/${room}/messages/1`).status, 403);
  const edited = synod.ask("bob", `PUT ${message}`, { text: "second wording" });
  assert.deepEqual([edited.json.text, edited.json.revision], ["second wording", 1]);
  assert.equal(synod.ask("anna", `GET ${message}`).json.text, "second wording");
  assert.equal(synod.ask("bob", `DELETE ${message}`).json.deleted, true);
  assert.equal(synod.ask("bob", `DELETE ${message}`).status, 200);
  assert.equal(synod.ask("bob", `PUT ${message}`, { text: "again" }).code, "deleted");
  assert.equal(synod.ask("anna", `GET ${message}`).json.text, "");
});

test("a deleted text stands in no row any more", () => {
  const synod = new Synod();
  const room = roomOf(synod, "joined", "bob", "carol");
  const number = say(synod, "bob", room, "please-forget-this");
  synod.ask("bob", `DELETE /rooms/${room}/messages/${number}`);
  for (const [map, rows] of synod.maps) {
    for (const value of rows.rows.values()) {
      assert.equal(new TextDecoder().decode(value).includes("please-forget-this"), false, map);
    }
  }
});

test("each change reaches the inbox of each member, and of nobody else", () => {
  const synod = new Synod();
  const room = roomOf(synod, "joined", "bob", "carol");
  const notices = () => synod.rows("inbox").map(([key, { change, event }]) => [key, change, event.kind, event.number]);
  const number = say(synod, "bob", room, "hello");
  const everybody = (...notice) => ["anna", "bob", "carol"].map((user) => [`${user}/${room}`, ...notice]);
  assert.deepEqual(notices(), everybody("added", "message", number));
  synod.ask("bob", `PUT /rooms/${room}/messages/${number}`, { text: "hello!" });
  assert.deepEqual(notices(), everybody("edited", "message", number));
  synod.ask("anna", `DELETE /rooms/${room}/members/carol`);
  assert.deepEqual(notices(), everybody("added", "removed", number + 1).slice(0, 2));
});

test("a failed call leaves nothing behind", () => {
  const synod = new Synod();
  const room = roomOf(synod, "joined", "bob");
  const before = JSON.stringify(synod.rows("events"));
  assert.equal(synod.ask("bob", `POST /rooms/${room}/messages`, { text: "x", reply_to: 99 }).status, 404);
  assert.equal(JSON.stringify(synod.rows("events")), before);
});

test("texts are bounded by the bytes of their JSON, and odd bodies are refused", () => {
  const synod = new Synod();
  const room = roomOf(synod, "joined");
  const post = (body) => synod.ask("anna", `POST /rooms/${room}/messages`, body).status;
  assert.equal(post({ text: "x".repeat(4096) }), 201);
  assert.equal(post({ text: "x".repeat(4097) }), 413);
  assert.equal(post({ text: "ü".repeat(2048) }), 201);
  assert.equal(post({ text: "ü".repeat(2049) }), 413);
  assert.equal(post({ text: "\u0001".repeat(682) }), 201);
  assert.equal(post({ text: "\u0001".repeat(683) }), 413);
  assert.equal(post({ text: '{"[{[\\"{[' }), 201);
  assert.equal(post({ text: "😀 \ud800 ok" }), 201);
  assert.equal(synod.ask("anna", `GET /rooms/${room}/messages?limit=1`).json.events[0].text, "😀 \ud800 ok");
  for (const body of [
    {},
    { text: "" },
    { text: 5 },
    { text: "x", txt: "y" },
    { text: "x", reply_to: 0 },
    { text: "x", reply_to: "3" },
    { text: "x", reply_to: 1.5 },
    { text: "x", reply_to: [1] },
    { text: "x", reply_to: {} },
    [],
    "null",
    '"text"',
    "{",
    new Uint8Array([0x7b, 0xff, 0x7d]),
    "[".repeat(10_000),
    `{"text":${"[".repeat(10_000)}`,
    `{"text":"\\"${"[".repeat(10_000)}`,
  ]) {
    assert.equal(post(body), 400, JSON.stringify(body));
  }
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/a%20b`).status, 400);
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/${"b".repeat(65)}`).status, 400);
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/bob`, { role: "king" }).status, 400);
});
