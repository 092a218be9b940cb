/** Reading what callers send: strictly, so that a misspelt name is an error and not ignored. */

import { NAME_BYTES_MAX, PAGE_DEFAULT, PAGE_MAX, TEXT_BYTES_MAX } from "./limits.js";
import { Problem, badRequest } from "./problem.js";
import { NUMBER_MAX } from "./records.js";
import { decode, utf8Length } from "./utf8.js";

/** A request, taken apart. */
export interface Ask {
  /** What stands in the places of the route's names. */
  params: Readonly<Record<string, string>>;
  /** The query as it came. */
  query: string | undefined;
  body: Uint8Array;
}

const USER = /^[A-Za-z0-9._@-]{1,64}$/;
const ROOM = /^[a-z0-9]{1,32}\.[0-9a-f]{32}$/;
const NUMBER = /^[1-9][0-9]{0,11}$/;
const STRINGS = /"(?:[^"\\]|\\.)*"/gs;
const NESTED = /[[{][^]*[[{]/;
const QUERY_FIELD = /^([a-z]+)=([A-Za-z0-9._-]*)$/;

/** The JSON object in the body, which has no other fields than these. An empty body is an object without fields. */
export function fields(ask: Ask, allowed: readonly string[]): Record<string, unknown> {
  const object = ask.body.length === 0 ? {} : parse(ask.body);
  if (typeof object !== "object" || object === null || Array.isArray(object)) {
    throw badRequest("the body must be a JSON object");
  }
  known(Object.keys(object), allowed, "field");
  return object as Record<string, unknown>;
}

function parse(body: Uint8Array): unknown {
  try {
    return JSON.parse(flat(decode(body)));
  } catch {
    throw badRequest("the body must be JSON in UTF-8, without lists or objects in it");
  }
}

/** The text, unless there are brackets within brackets in it: a deep nest of them would exhaust the stack. */
function flat(text: string): string {
  if (text.replace(STRINGS, "").search(NESTED) !== -1) {
    throw new SyntaxError("nested");
  }
  return text;
}

/** The fields of the query. Cursors and numbers need no percent-encoding, so none is taken. */
export function query(ask: Ask, allowed: readonly string[]): Record<string, string> {
  const found: Record<string, string> = {};
  for (const part of (ask.query ?? "").split("&").filter((part) => part !== "")) {
    const [, name, value] = QUERY_FIELD.exec(part) ?? [];
    if (name === undefined || value === undefined || Object.hasOwn(found, name)) {
      throw badRequest("the query must be of `name=value`, each name once");
    }
    found[name] = value;
  }
  known(Object.keys(found), allowed, "query parameter");
  return found;
}

function known(names: string[], allowed: readonly string[], what: string): void {
  const strange = names.find((name) => !allowed.includes(name));
  if (strange !== undefined) {
    throw badRequest(`unknown ${what}; there are: ${allowed.join(", ") || "none"}`);
  }
}

/** The size of a page. */
export function pageSize(query: Record<string, string>): number {
  const size = query.limit === undefined ? PAGE_DEFAULT : number(query.limit, "limit");
  if (size > PAGE_MAX) {
    throw badRequest(`\`limit\` is at most ${PAGE_MAX}`);
  }
  return size;
}

/** A number from 1 on, as the path or the query has it. */
export function number(text: string, what: string): number {
  if (!NUMBER.test(text)) {
    throw badRequest(`\`${what}\` must be a number from 1 on`);
  }
  return Number(text);
}

/** The room of the path; none if no room can have that id. */
export function roomId(ask: Ask): string | undefined {
  const room = ask.params.room ?? "";
  return ROOM.test(room) ? room : undefined;
}

/** The user of the path. */
export function userName(ask: Ask): string {
  const user = ask.params.user ?? "";
  if (!USER.test(user)) {
    throw badRequest("a user's name has 1 to 64 characters of [A-Za-z0-9._@-]");
  }
  return user;
}

/** A cursor of a list of users or rooms. */
export function cursor(query: Record<string, string>): string | undefined {
  return query.after;
}

/** The text of a message. */
export function text(value: unknown): string {
  return bounded(value, "text", TEXT_BYTES_MAX);
}

/** The name of a room. */
export function roomName(value: unknown): string {
  return bounded(value, "name", NAME_BYTES_MAX);
}

/** A text that is not empty and, as a JSON string without its quotes, not longer than `bytesMax`. */
function bounded(value: unknown, what: string, bytesMax: number): string {
  if (typeof value !== "string" || value === "") {
    throw badRequest(`\`${what}\` must be a string that is not empty`);
  }
  if (utf8Length(JSON.stringify(value)) - 2 > bytesMax) {
    throw new Problem(413, "too_long", `\`${what}\` is longer than ${bytesMax} bytes of JSON`);
  }
  return value;
}

/** The number of an event in the body. */
export function eventNumber(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > NUMBER_MAX) {
    throw badRequest(`\`${what}\` must be a number from 1 on`);
  }
  return value;
}

/** One of a few words. */
export function oneOf<T extends string>(value: unknown, words: readonly T[], what: string): T {
  const word = words.find((word) => word === value);
  if (word === undefined) {
    throw badRequest(`\`${what}\` must be one of: ${words.join(", ")}`);
  }
  return word;
}
