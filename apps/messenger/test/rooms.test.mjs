import assert from "node:assert/strict";
import test from "node:test";

import { Synod } from "./synod.mjs";

function roomOf(synod, ...others) {
  const { json } = synod.ask("anna", "POST /rooms", { name: "board" });
  for (const user of others) {
    assert.equal(synod.ask("anna", `PUT /rooms/${json.id}/members/${user}`).status, 201);
  }
  return json.id;
}

test("whoever makes a room owns it and is alone in it", () => {
  const synod = new Synod();
  const { status, json } = synod.ask("anna", "POST /rooms", { name: "board" });
  assert.equal(status, 201);
  assert.match(json.id, /^local\.[0-9a-f]{32}$/);
  assert.equal(json.role, "owner");
  assert.equal(json.members, 1);
  assert.equal(json.origin, "local");
});

test("a room that one is not in answers exactly as one that is not there", () => {
  const synod = new Synod();
  const room = roomOf(synod);
  const other = `local.${"0".repeat(32)}`;
  const member = { text: "hello", read: 1, name: "x" };
  for (const [method, rest] of [
    ["GET", ""],
    ["PATCH", ""],
    ["DELETE", ""],
    ["GET", "/members"],
    ["PUT", "/members/eve"],
    ["PUT", "/members/%20"],
    ["DELETE", "/members/anna"],
    ["GET", "/messages"],
    ["POST", "/messages"],
    ["GET", "/messages/1"],
    ["PUT", "/messages/1"],
    ["DELETE", "/messages/1"],
    ["PUT", "/read"],
  ]) {
    const body = method === "GET" ? undefined : member;
    const hidden = synod.ask("eve", `${method} /rooms/${room}${rest}`, body);
    assert.deepEqual(hidden, synod.ask("eve", `${method} /rooms/${other}${rest}`, body), `${method} ${rest}`);
    assert.deepEqual(hidden, synod.ask("eve", `${method} /rooms/nonsense${rest}`, body), `${method} ${rest}`);
    assert.equal(hidden.status, 404);
    assert.equal(hidden.code, "unknown_room");
  }
});

test("owner and moderators let in and remove only those below them", () => {
  const synod = new Synod();
  const room = roomOf(synod, "bob", "carol");
  assert.equal(synod.ask("bob", `PUT /rooms/${room}/members/dave`).status, 403);
  assert.equal(synod.ask("bob", `PUT /rooms/${room}/members/dave`, { role: "reader" }).status, 403);
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/bob`, { role: "moderator" }).status, 200);
  assert.equal(synod.ask("bob", `PUT /rooms/${room}/members/dave`, { role: "reader" }).status, 201);
  assert.equal(synod.ask("bob", `PUT /rooms/${room}/members/erin`, { role: "moderator" }).status, 403);
  assert.equal(synod.ask("bob", `PUT /rooms/${room}/members/bob`, { role: "owner" }).status, 403);
  assert.equal(synod.ask("bob", `DELETE /rooms/${room}/members/anna`).status, 403);
  assert.equal(synod.ask("bob", `DELETE /rooms/${room}/members/carol`).status, 200);
  assert.equal(synod.ask("carol", `GET /rooms/${room}`).status, 404);
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/erin`, { role: "owner" }).status, 403);
});

test("nobody can be given a role by someone whose own is gone", () => {
  const synod = new Synod();
  const room = roomOf(synod, "bob");
  synod.ask("anna", `PUT /rooms/${room}/members/bob`, { role: "moderator" });
  synod.ask("anna", `PUT /rooms/${room}/members/bob`, { role: "reader" });
  assert.equal(synod.ask("bob", `PUT /rooms/${room}/members/dave`).status, 403);
  assert.equal(synod.ask("bob", `POST /rooms/${room}/messages`, { text: "hello" }).status, 403);
  assert.equal(synod.ask("bob", `GET /rooms/${room}/messages`).status, 200);
});

test("the owner hands the room over before leaving", () => {
  const synod = new Synod();
  const room = roomOf(synod, "bob");
  assert.equal(synod.ask("anna", `DELETE /rooms/${room}/members/anna`).code, "owner_stays");
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/bob`, { role: "owner" }).status, 200);
  const members = synod.ask("bob", `GET /rooms/${room}/members`).json.members;
  assert.deepEqual(
    members.map(({ user, role }) => [user, role]),
    [
      ["anna", "moderator"],
      ["bob", "owner"],
    ],
  );
  assert.equal(synod.ask("anna", `DELETE /rooms/${room}/members/anna`).status, 200);
  assert.equal(synod.ask("anna", `GET /rooms/${room}`).status, 404);
});

test("a direct room is the same one for both, and for nobody else", () => {
  const synod = new Synod();
  const made = synod.ask("bob", "PUT /direct/anna");
  assert.equal(made.status, 201);
  assert.equal(made.json.with, "anna");
  const found = synod.ask("anna", "PUT /direct/bob");
  assert.equal(found.status, 200);
  assert.equal(found.json.id, made.json.id);
  assert.equal(found.json.with, "bob");
  assert.notEqual(synod.ask("anna", "PUT /direct/carol").json.id, made.json.id);
  assert.equal(synod.ask("anna", `PUT /rooms/${made.json.id}/members/carol`).code, "direct_room");
  assert.equal(synod.ask("anna", `DELETE /rooms/${made.json.id}/members/bob`).code, "direct_room");
  assert.equal(synod.ask("anna", `DELETE /rooms/${made.json.id}`).code, "direct_room");
  assert.equal(synod.ask("carol", `GET /rooms/${made.json.id}`).status, 404);
  assert.equal(synod.ask("anna", "PUT /direct/anna").status, 400);
});

test("a list of rooms is paged and counts what is unread", () => {
  const synod = new Synod();
  const first = roomOf(synod, "bob");
  roomOf(synod);
  roomOf(synod, "bob");
  synod.ask("anna", `POST /rooms/${first}/messages`, { text: "one" });
  synod.ask("anna", `POST /rooms/${first}/messages`, { text: "two" });
  const page = synod.ask("bob", "GET /rooms?limit=1").json;
  assert.equal(page.rooms.length, 1);
  assert.equal(page.more, true);
  const rest = synod.ask("bob", `GET /rooms?limit=5&after=${page.rooms[0].id}`).json;
  assert.equal(rest.rooms.length, 1);
  assert.equal(rest.more, false);
  const room = [...page.rooms, ...rest.rooms].find(({ id }) => id === first);
  assert.equal(room.unread, 3, "the own joining, and two messages");
  assert.equal(room.newest.event.text, "two");
  assert.equal(synod.ask("bob", `PUT /rooms/${first}/read`, { read: 4 }).json.read, 4);
  assert.equal(synod.ask("bob", `PUT /rooms/${first}/read`, { read: 2 }).json.read, 4);
  assert.equal(synod.ask("bob", `PUT /rooms/${first}/read`, { read: 5 }).status, 400);
  assert.equal(synod.ask("bob", `GET /rooms/${first}`).json.unread, 0);
  assert.equal(synod.ask("anna", `GET /rooms/${first}/members`).json.members[1].read, 4);
});

test("a closed room leaves no row behind", () => {
  const synod = new Synod();
  const room = roomOf(synod, "bob", "carol");
  for (let count = 0; count < 1200; count += 1) {
    synod.ask("bob", `POST /rooms/${room}/messages`, { text: `message ${count}` });
  }
  assert.equal(synod.ask("bob", `DELETE /rooms/${room}`).status, 403);
  assert.deepEqual(synod.ask("anna", `DELETE /rooms/${room}`).json, { done: false });
  assert.deepEqual(synod.ask("anna", `DELETE /rooms/${room}`).json, { done: true });
  assert.equal(synod.ask("anna", `DELETE /rooms/${room}`).status, 404);
  for (const [map, rows] of synod.maps) {
    assert.equal(map === "ballast" || rows.rows.size === 0, true, map);
  }
});

test("a room holds 500 members and a post into it stays within the limits of a call", () => {
  const synod = new Synod();
  const room = roomOf(synod);
  for (let count = 1; count < 500; count += 1) {
    assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/user-${count}`).status, 201);
  }
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/members/one-more`).code, "too_many_members");
  assert.equal(synod.ask("anna", `POST /rooms/${room}/messages`, { text: "x".repeat(4096) }).status, 201);
  assert.ok(synod.operations < 10_000, `${synod.operations} operations`);
  assert.ok(synod.sealedLength < 4 << 20, `${synod.sealedLength} bytes`);
  assert.equal(synod.ask("anna", `PUT /rooms/${room}/messages/501`, { text: "y".repeat(4096) }).status, 200);
  assert.ok(synod.operations < 10_000, `${synod.operations} operations`);
  assert.deepEqual(synod.ask("anna", `DELETE /rooms/${room}`).json, { done: true });
  assert.ok(synod.operations < 10_000, `${synod.operations} operations`);
});

test("a user is in at most 1,000 rooms, and leaving one makes room for another", () => {
  const synod = new Synod();
  const rooms = Array.from({ length: 1000 }, () => roomOf(synod));
  assert.equal(synod.ask("anna", "POST /rooms", { name: "one more" }).code, "too_many_rooms");
  assert.equal(synod.ask("anna", `DELETE /rooms/${rooms[0]}`).status, 200);
  assert.equal(synod.ask("anna", "POST /rooms", { name: "one more" }).status, 201);
});
