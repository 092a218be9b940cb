/** Messages: posting, reading, editing and deleting them, and marking what was read. */

import type { Answer } from "./answer.js";
import type { Call, Membership } from "./call.js";
import { type Ask, eventNumber, fields, number, pageSize, query, text } from "./input.js";
import { append, replace } from "./log.js";
import { badRequest, conflict, forbidden, unknownMessage } from "./problem.js";
import { MAPS, type Mark, type RoomEvent, eventKey, memberKey } from "./records.js";

/** `POST /rooms/{room}/messages` */
export function post(call: Call, ask: Ask): Answer {
  const membership = call.membership(ask);
  const body = fields(ask, ["text", "reply_to"]);
  const details: Partial<RoomEvent> = { text: text(body.text) };
  mayWrite(membership);
  if (body.reply_to !== undefined) {
    details.reply_to = visible(call, membership, eventNumber(body.reply_to, "reply_to")).number;
  }
  const event = append(call, membership.room.id, "message", details);
  mark(call, membership.room.id, event.number);
  return { status: 201, json: event };
}

/**
 * `GET /rooms/{room}/messages`: a page of the room's events in their order; the newest, or those next to `before` or
 * `after`.
 */
export function history(call: Call, ask: Ask): Answer {
  const membership = call.membership(ask);
  const asked = query(ask, ["before", "after", "limit"]);
  if (asked.before !== undefined && asked.after !== undefined) {
    throw badRequest("`before` and `after` exclude each other");
  }
  const size = pageSize(asked);
  const room = membership.room.id;
  const first = firstVisible(membership);
  const end = call.lastNumber(room) + 1;
  const after = asked.after === undefined ? undefined : number(asked.after, "after");
  const before = asked.before === undefined ? end : Math.min(number(asked.before, "before"), end);
  const from = Math.max(first, after === undefined ? before - size : after + 1);
  const to = Math.max(from, after === undefined ? before : Math.min(from + size, end));
  const events = call.store
    .range<RoomEvent>(MAPS.events, eventKey(room, from), eventKey(room, to), size)
    .map(({ value }) => value);
  return { status: 200, json: { events, older: from > first, newer: to < end } };
}

/** `GET /rooms/{room}/messages/{number}` */
export function show(call: Call, ask: Ask): Answer {
  query(ask, []);
  return { status: 200, json: named(call, call.membership(ask), ask) };
}

/** `PUT /rooms/{room}/messages/{number}`: another text, by the author. */
export function edit(call: Call, ask: Ask): Answer {
  const membership = call.membership(ask);
  const changed = text(fields(ask, ["text"]).text);
  const event = own(call, membership, ask);
  mayWrite(membership);
  if (event.deleted === true) {
    throw conflict("deleted", "the message was deleted");
  }
  const edited: RoomEvent = {
    ...event,
    text: changed,
    revision: (event.revision ?? 0) + 1,
    edited_ms: call.nowMs,
  };
  replace(call, membership.room, edited, "edited");
  return { status: 200, json: edited };
}

/** `DELETE /rooms/{room}/messages/{number}`: takes the text away, by the author. That there was one remains. */
export function remove(call: Call, ask: Ask): Answer {
  const membership = call.membership(ask);
  fields(ask, []);
  const event = own(call, membership, ask);
  if (event.deleted === true) {
    return { status: 200, json: event };
  }
  const deleted: RoomEvent = { ...event, text: "", deleted: true };
  replace(call, membership.room, deleted, "deleted");
  return { status: 200, json: deleted };
}

/** `PUT /rooms/{room}/read`: how far the caller has read. It never goes back. */
export function markRead(call: Call, ask: Ask): Answer {
  const { room } = call.membership(ask);
  const read = eventNumber(fields(ask, ["read"]).read, "read");
  if (read > call.lastNumber(room.id)) {
    throw badRequest("`read` is beyond the newest event");
  }
  return { status: 200, json: { read: mark(call, room.id, read) } };
}

function mark(call: Call, room: string, read: number): number {
  const key = memberKey(room, call.user);
  const before = call.store.get<Mark>(MAPS.marks, key)?.read ?? 0;
  if (read > before) {
    call.store.put<Mark>(MAPS.marks, key, { read });
  }
  return Math.max(read, before);
}

/** Readers read only. */
function mayWrite({ member }: Membership): void {
  if (member.role === "reader") {
    throw forbidden("your role in the room is to read");
  }
}

/** The message that the path names, which must be the caller's own. */
function own(call: Call, membership: Membership, ask: Ask): RoomEvent {
  const event = named(call, membership, ask);
  if (event.kind !== "message" || event.author !== call.user) {
    throw forbidden("only the author changes a message");
  }
  return event;
}

function named(call: Call, membership: Membership, ask: Ask): RoomEvent {
  return visible(call, membership, number(ask.params.number ?? "", "number"));
}

/** An event in the part of the room that the caller may see. */
function visible(call: Call, membership: Membership, number: number): RoomEvent {
  const event = call.store.get<RoomEvent>(MAPS.events, eventKey(membership.room.id, number));
  if (event === undefined || number < firstVisible(membership)) {
    throw unknownMessage();
  }
  return event;
}

/** From which event on a member sees the room. */
function firstVisible({ room, member }: Membership): number {
  return room.history === "all" ? 1 : member.since;
}
