/** Who is in a room, and what they may do there. */

import type { Answer } from "./answer.js";
import { type Call, type Membership, refuseDirect } from "./call.js";
import { type Ask, cursor, fields, oneOf, pageSize, query, userName } from "./input.js";
import { MEMBERS_MAX } from "./limits.js";
import { append } from "./log.js";
import { conflict, forbidden, unknownMember } from "./problem.js";
import { MAPS, type Mark, type Member, ROLES, type Role, type Room, inboxKey, memberKey } from "./records.js";

/** `GET /rooms/{room}/members` */
export function listMembers(call: Call, ask: Ask): Answer {
  const { room } = call.membership(ask);
  const asked = query(ask, ["after", "limit"]);
  const prefix = memberKey(room.id, "");
  const after = cursor(asked);
  const from = after === undefined ? undefined : prefix + after;
  const page = call.store.page<Member>(MAPS.members, prefix, from, pageSize(asked));
  const members = page.rows.map(({ key, value: { user, role, joined_ms } }) => {
    return { user, role, joined_ms, read: call.store.get<Mark>(MAPS.marks, key)?.read ?? 0 };
  });
  return { status: 200, json: { members, more: page.more } };
}

/** `PUT /rooms/{room}/members/{user}`: lets a user in, or gives a member another role. */
export function putMember(call: Call, ask: Ask): Answer {
  const membership = call.membership(ask);
  const user = userName(ask);
  const asked = fields(ask, ["role"]).role;
  const role = asked === undefined ? undefined : oneOf(asked, ROLES, "role");
  refuseDirect(membership.room);
  const member = call.memberOf(membership.room.id, user);
  if (member === undefined) {
    return invite(call, membership, user, role ?? "member");
  }
  if (role === undefined || role === member.role) {
    return { status: 200, json: { user, role: member.role } };
  }
  return changeRole(call, membership, member, role);
}

function invite(call: Call, { room, member }: Membership, user: string, role: Role): Answer {
  requireAbove(member.role, role);
  if (room.members >= MEMBERS_MAX) {
    throw conflict("too_many_members", `a room has at most ${MEMBERS_MAX} members`);
  }
  call.store.put<Room>(MAPS.rooms, room.id, { ...room, members: room.members + 1 });
  admit(call, room.id, user, role, call.lastNumber(room.id) + 1);
  append(call, room.id, "joined", { subject: user, role });
  return { status: 201, json: { user, role } };
}

function changeRole(call: Call, { room, member: caller }: Membership, member: Member, role: Role): Answer {
  if (role === "owner") {
    return handOver(call, room, caller, member);
  }
  requireAbove(caller.role, member.role);
  requireAbove(caller.role, role);
  setRole(call, room, member, role);
  return { status: 200, json: { user: member.user, role } };
}

function handOver(call: Call, room: Room, owner: Member, heir: Member): Answer {
  if (owner.role !== "owner") {
    throw forbidden("only the owner hands the room over");
  }
  setRole(call, room, owner, "moderator");
  setRole(call, room, heir, "owner");
  return { status: 200, json: { user: heir.user, role: "owner" } };
}

function setRole(call: Call, room: Room, member: Member, role: Role): void {
  call.store.put<Member>(MAPS.members, memberKey(room.id, member.user), { ...member, role });
  append(call, room.id, "role", { subject: member.user, role });
}

/** `DELETE /rooms/{room}/members/{user}`: removes a member, or leaves. */
export function removeMember(call: Call, ask: Ask): Answer {
  const { room, member: caller } = call.membership(ask);
  const user = userName(ask);
  fields(ask, []);
  refuseDirect(room);
  const leaving = user === call.user;
  const member = call.memberOf(room.id, user);
  if (member === undefined) {
    throw unknownMember();
  }
  if (leaving && member.role === "owner") {
    throw conflict("owner_stays", "hand the room over, or close it, before you leave");
  }
  if (!leaving) {
    requireAbove(caller.role, member.role);
  }
  call.store.put<Room>(MAPS.rooms, room.id, { ...room, members: room.members - 1 });
  forget(call, room.id, user);
  append(call, room.id, leaving ? "left" : "removed", leaving ? {} : { subject: user });
  return { status: 200, json: { user } };
}

/** Owner and moderators decide on those whose role is below their own. */
function requireAbove(role: Role, other: Role): void {
  const decides = role === "owner" || role === "moderator";
  if (!decides || ROLES.indexOf(role) >= ROLES.indexOf(other)) {
    throw forbidden("your role in the room does not allow this");
  }
}

/** Writes that a user is in the room, from the event `since` on. */
export function admit(call: Call, room: string, user: string, role: Role, since: number): void {
  call.countRoom(user, 1);
  const member: Member = { user, role, joined_ms: call.nowMs, since };
  call.store.put<Member>(MAPS.members, memberKey(room, user), member);
}

/** Takes away that a user is in the room. */
export function forget(call: Call, room: string, user: string): void {
  call.countRoom(user, -1);
  call.store.delete(MAPS.members, memberKey(room, user));
  call.store.delete(MAPS.marks, memberKey(room, user));
  call.store.delete(MAPS.inbox, inboxKey(user, room));
}
