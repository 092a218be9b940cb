/** Rooms: making, finding, naming and closing them. */

import type { Answer } from "./answer.js";
import { type Call, refuseDirect } from "./call.js";
import { type Ask, cursor, fields, oneOf, pageSize, query, roomName, userName } from "./input.js";
import { CLOSING_EVENTS_MAX, MEMBERS_MAX } from "./limits.js";
import { append } from "./log.js";
import { admit, forget } from "./members.js";
import { badRequest, forbidden } from "./problem.js";
import {
  type Direct,
  HISTORIES,
  MAPS,
  type Mark,
  type Member,
  type Notice,
  ORIGIN,
  type Room,
  inboxKey,
  memberKey,
  pairOf,
} from "./records.js";

/** `POST /rooms`: a new room, which belongs to the caller. */
export function createRoom(call: Call, ask: Ask): Answer {
  const { name, history } = fields(ask, ["name", "history"]);
  const room: Room = {
    id: call.newRoomId(),
    origin: ORIGIN,
    kind: "room",
    name: roomName(name),
    history: history === undefined ? "joined" : oneOf(history, HISTORIES, "history"),
    created_ms: call.nowMs,
    members: 1,
  };
  found(call, room, [[call.user, "owner"]]);
  return { status: 201, json: view(call, room, call.user) };
}

/** `PUT /direct/{user}`: the room of the caller and one other, made if there is none. */
export function directRoom(call: Call, ask: Ask): Answer {
  const other = userName(ask);
  fields(ask, []);
  if (other === call.user) {
    throw badRequest("a direct room is for two");
  }
  const pair = pairOf(call.user, other);
  const key = pair.join("/");
  const known = call.store.get<Direct>(MAPS.directs, key);
  if (known !== undefined) {
    return { status: 200, json: view(call, call.room(known.room), call.user) };
  }
  const room: Room = {
    id: call.newRoomId(),
    origin: ORIGIN,
    kind: "direct",
    name: "",
    history: "all",
    created_ms: call.nowMs,
    members: 2,
    pair,
  };
  call.store.put<Direct>(MAPS.directs, key, { room: room.id });
  found(call, room, [
    [pair[0], "member"],
    [pair[1], "member"],
  ]);
  return { status: 201, json: view(call, room, call.user) };
}

function found(call: Call, room: Room, members: [string, Member["role"]][]): void {
  call.store.put<Room>(MAPS.rooms, room.id, room);
  for (const [user, role] of members) {
    admit(call, room.id, user, role, 1);
  }
  append(call, room.id, "created", { text: room.name });
}

/** `GET /rooms`: the caller's rooms, a page of them. */
export function listRooms(call: Call, ask: Ask): Answer {
  const asked = query(ask, ["after", "limit"]);
  const prefix = inboxKey(call.user, "");
  const after = cursor(asked);
  const from = after === undefined ? undefined : prefix + after;
  const page = call.store.page<Notice>(MAPS.inbox, prefix, from, pageSize(asked));
  const rooms = page.rows.map(({ value: notice }) => ({
    ...view(call, call.room(notice.room), call.user),
    newest: { change: notice.change, event: notice.event },
  }));
  return { status: 200, json: { rooms, more: page.more } };
}

/** `GET /rooms/{room}` */
export function showRoom(call: Call, ask: Ask): Answer {
  query(ask, []);
  const { room } = call.membership(ask);
  return { status: 200, json: view(call, room, call.user) };
}

/** `PATCH /rooms/{room}`: another name. */
export function renameRoom(call: Call, ask: Ask): Answer {
  const { room, member } = call.membership(ask);
  const name = roomName(fields(ask, ["name"]).name);
  refuseDirect(room);
  if (member.role !== "owner" && member.role !== "moderator") {
    throw forbidden("only the owner and moderators name the room");
  }
  const renamed = { ...room, name };
  call.store.put<Room>(MAPS.rooms, room.id, renamed);
  append(call, room.id, "renamed", { text: name });
  return { status: 200, json: view(call, renamed, call.user) };
}

/**
 * `DELETE /rooms/{room}`: takes away the room with all it holds. A call takes the oldest events, up to a bound; `done`
 * says whether that was the rest, and the room with its members is gone.
 */
export function closeRoom(call: Call, ask: Ask): Answer {
  const { room, member } = call.membership(ask);
  fields(ask, []);
  refuseDirect(room);
  if (member.role !== "owner") {
    throw forbidden("only the owner closes the room");
  }
  const done = takeOldest(call, room.id);
  if (done) {
    takeRoom(call, room.id);
  }
  return { status: 200, json: { done } };
}

function takeOldest(call: Call, room: string): boolean {
  const oldest = call.store.names(MAPS.events, `${room}/`, CLOSING_EVENTS_MAX);
  for (const number of oldest) {
    call.store.delete(MAPS.events, `${room}/${number}`);
  }
  return oldest.length < CLOSING_EVENTS_MAX;
}

function takeRoom(call: Call, room: string): void {
  for (const user of call.store.names(MAPS.members, `${room}/`, MEMBERS_MAX)) {
    forget(call, room, user);
  }
  call.store.delete(MAPS.heads, room);
  call.store.delete(MAPS.rooms, room);
}

/** A room as one of its members sees it. */
function view(call: Call, room: Room, user: string): object {
  const member = call.memberOf(room.id, user);
  const read = call.store.get<Mark>(MAPS.marks, memberKey(room.id, user))?.read ?? 0;
  const last = call.lastNumber(room.id);
  return {
    id: room.id,
    origin: room.origin,
    kind: room.kind,
    name: room.name,
    with: room.pair?.find((one) => one !== user),
    history: room.history,
    created_ms: room.created_ms,
    members: room.members,
    role: member?.role,
    last,
    read,
    unread: last - Math.max(read, (member?.since ?? 1) - 1),
  };
}
