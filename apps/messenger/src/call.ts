/** One call: who asks, when, and the rows. */

import type { Host } from "./host.js";
import { Problem, conflict, unknownRoom } from "./problem.js";
import { type Ask, roomId } from "./input.js";
import { type Account, type Head, MAPS, type Member, ORIGIN, type Room, memberKey } from "./records.js";
import { ROOMS_MAX } from "./limits.js";
import { Store } from "./store.js";

const ID_BYTES = 16;

export class Call {
  readonly store: Store;
  readonly user: string;
  readonly nowMs: number;
  readonly #host: Host;

  constructor(host: Host) {
    this.store = new Store(host);
    this.user = host.caller();
    this.nowMs = host.nowMs();
    this.#host = host;
  }

  /** An id that nobody can foresee: 32 hexadecimal digits. */
  newId(): string {
    const bytes = this.#host.random(ID_BYTES);
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  /** The id of a new room: where it was made, and which it is. */
  newRoomId(): string {
    return `${ORIGIN}.${this.newId()}`;
  }

  /** The room of the path and the caller's place in it. A room that the caller is not in is an unknown one. */
  membership(ask: Ask): Membership {
    const id = roomId(ask);
    const member = id === undefined ? undefined : this.memberOf(id, this.user);
    if (id === undefined || member === undefined) {
      throw unknownRoom();
    }
    return { room: this.room(id), member };
  }

  memberOf(room: string, user: string): Member | undefined {
    return this.store.get<Member>(MAPS.members, memberKey(room, user));
  }

  /** A room that has members, so that it is there. */
  room(id: string): Room {
    const room = this.store.get<Room>(MAPS.rooms, id);
    if (room === undefined) {
      throw new Problem(500, "corrupt", "the room's record is missing");
    }
    return room;
  }

  lastNumber(room: string): number {
    return this.store.get<Head>(MAPS.heads, room)?.last ?? 0;
  }

  /** Counts the rooms that a user is in. */
  countRoom(user: string, change: 1 | -1): void {
    const rooms = (this.store.get<Account>(MAPS.accounts, user)?.rooms ?? 0) + change;
    if (rooms > ROOMS_MAX) {
      throw conflict("too_many_rooms", `a user can be in ${ROOMS_MAX} rooms`);
    }
    if (rooms === 0) {
      this.store.delete(MAPS.accounts, user);
    } else {
      this.store.put<Account>(MAPS.accounts, user, { rooms });
    }
  }
}

/** A room, and the caller's place in it. */
export interface Membership {
  room: Room;
  member: Member;
}

/** Direct rooms have two members, the same ones for ever. */
export function refuseDirect(room: Room): void {
  if (room.kind === "direct") {
    throw conflict("direct_room", "a direct room keeps its two members and has no name");
  }
}
