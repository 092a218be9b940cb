/**
 * What the messenger keeps, and under which keys.
 *
 * All maps are private. A room is a log of events, numbered from 1 without gaps; edits and deletions change an event in
 * its place. Every room and event names its origin, the service where it was made, so that rooms can one day be shared
 * among services: an event is named by room and number where it was made, and by `id` everywhere.
 */

/** The service where rooms and events are made. There is no other yet. */
export const ORIGIN = "local";

/** The maps, as `app.toml` declares them. */
export const MAPS = {
  /** `{room}` → {@link Room} */
  rooms: "rooms",
  /** `{room}` → {@link Head} */
  heads: "heads",
  /** `{room}/{user}` → {@link Member} */
  members: "members",
  /** `{room}/{number}` → {@link RoomEvent} */
  events: "events",
  /** `{room}/{user}` → {@link Mark} */
  marks: "marks",
  /** `{user}/{user}`, in the order of their names → {@link Direct} */
  directs: "directs",
  /** `{user}` → {@link Account} */
  accounts: "accounts",
  /** `{user}/{room}` → {@link Notice} */
  inbox: "inbox",
  /** Filling, see `ballast.ts`. */
  ballast: "ballast",
} as const;

/** What a member may do in a room, from most to least. */
export const ROLES = ["owner", "moderator", "member", "reader"] as const;
export type Role = (typeof ROLES)[number];

/** From which event on a member sees the room: from the first, or from the own joining. */
export const HISTORIES = ["all", "joined"] as const;
export type History = (typeof HISTORIES)[number];

export interface Room {
  id: string;
  origin: string;
  kind: "room" | "direct";
  name: string;
  history: History;
  created_ms: number;
  /** How many are in it. */
  members: number;
  /** The two users of a direct room. */
  pair?: [string, string];
}

export interface Head {
  /** The number of the newest event. */
  last: number;
}

export interface Member {
  user: string;
  role: Role;
  joined_ms: number;
  /** The number of the event by which the user joined. */
  since: number;
}

export type EventKind = "created" | "renamed" | "joined" | "left" | "removed" | "role" | "message";

export interface RoomEvent {
  /** Unique among all events everywhere. */
  id: string;
  origin: string;
  number: number;
  kind: EventKind;
  author: string;
  at_ms: number;
  /** `message`: the text; `created`, `renamed`: the name. Empty once deleted. */
  text?: string;
  /** `message`: the number of the message that this one answers. */
  reply_to?: number;
  /** `joined`, `removed`, `role`: who. */
  subject?: string;
  /** `joined`, `role`: the role from then on. */
  role?: Role;
  /** How often it was edited, and when last. */
  revision?: number;
  edited_ms?: number;
  deleted?: boolean;
}

export interface Mark {
  /** The newest event that the user has read. */
  read: number;
}

export interface Direct {
  room: string;
}

export interface Account {
  /** In how many rooms the user is. */
  rooms: number;
}

/** The newest change in a room, in the inbox of each member. */
export interface Notice {
  room: string;
  change: "added" | "edited" | "deleted";
  /** The number of the room's newest event. */
  last: number;
  event: RoomEvent;
}

/** Digits of an event's number in a key, so that the order of keys is that of numbers. */
const NUMBER_DIGITS = 12;
/** The greatest number of an event. */
export const NUMBER_MAX = 10 ** NUMBER_DIGITS - 1;

export function eventKey(room: string, number: number): string {
  return `${room}/${String(number).padStart(NUMBER_DIGITS, "0")}`;
}

export function memberKey(room: string, user: string): string {
  return `${room}/${user}`;
}

export function inboxKey(user: string, room: string): string {
  return `${user}/${room}`;
}

/** The two users in the order of their names. */
export function pairOf(one: string, other: string): [string, string] {
  return one < other ? [one, other] : [other, one];
}
