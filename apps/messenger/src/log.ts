/** The log of a room, and the inboxes of those who follow it. */

import type { Call } from "./call.js";
import { MEMBERS_MAX } from "./limits.js";
import {
  type EventKind,
  type Head,
  MAPS,
  NUMBER_MAX,
  type Notice,
  ORIGIN,
  type Room,
  type RoomEvent,
  eventKey,
  inboxKey,
  memberKey,
} from "./records.js";
import { encode, utf8Length } from "./utf8.js";

/** The sizes of a notice, in bytes: its row is filled up to one of them, since who watches sees its size pass by. */
const NOTICE_SIZES = [512, 1024, 2048, 5120];

/** Adds an event to the room, and tells all members. */
export function append(call: Call, room: string, kind: EventKind, details: Partial<RoomEvent>): RoomEvent {
  const number = call.lastNumber(room) + 1;
  const event: RoomEvent = {
    id: call.newId(),
    origin: ORIGIN,
    number,
    kind,
    author: call.user,
    at_ms: call.nowMs,
    ...details,
  };
  call.store.put<RoomEvent>(MAPS.events, eventKey(room, number), event);
  call.store.put<Head>(MAPS.heads, room, { last: number });
  // Whoever is in the room now has joined before this event.
  announce(call, members(call, room), { room, change: "added", last: number, event });
  return event;
}

/** Puts a changed event in its place, and tells the members who may see it. */
export function replace(call: Call, room: Room, event: RoomEvent, change: "edited" | "deleted"): void {
  call.store.put<RoomEvent>(MAPS.events, eventKey(room.id, event.number), event);
  const audience = members(call, room.id).filter((user) => {
    const since = call.memberOf(room.id, user)?.since ?? NUMBER_MAX;
    return room.history === "all" || since <= event.number;
  });
  announce(call, audience, { room: room.id, change, last: call.lastNumber(room.id), event });
}

function members(call: Call, room: string): string[] {
  return call.store.names(MAPS.members, memberKey(room, ""), MEMBERS_MAX);
}

/**
 * Writes the notice into the inbox of each of the users, in the place of the one before. Who watches the own inbox sees
 * each of them; who was away finds the newest, and the rest in the room.
 */
function announce(call: Call, users: string[], notice: Notice): void {
  const value = padded(notice);
  for (const user of users) {
    call.store.putBytes(MAPS.inbox, inboxKey(user, notice.room), value);
  }
}

function padded(notice: Notice): Uint8Array {
  const json = JSON.stringify(notice);
  const length = utf8Length(json);
  return encode(json, NOTICE_SIZES.find((size) => size >= length));
}
