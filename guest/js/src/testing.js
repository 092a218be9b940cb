/**
 * A pretended host in memory, for tests under Node. It keeps maps, rolls a call back that answers with a status from
 * 400 on or throws, and remembers claims and log lines. It knows no manifest: `synod app test` tests with that.
 */

import { during } from "#host";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const unhex = (text) => Uint8Array.from(text.match(/../g) ?? [], (byte) => parseInt(byte, 16));

/** What a call sees and does. Keys are kept in hexadecimal, whose order is theirs. */
class Call {
  constructor(maps, identity, time, seqno) {
    this.maps = new Map([...maps].map(([name, rows]) => [name, new Map(rows)]));
    this.identity = identity;
    this.time = time;
    this.seqno = seqno;
    this.seed = seqno;
    this.kept = false;
    this.claims = [];
    this.log = [];
  }

  identify() {
    return this.identity;
  }

  rows(map) {
    if (!this.maps.has(map)) {
      this.maps.set(map, new Map());
    }
    return this.maps.get(map);
  }

  get(map, key) {
    return this.rows(map).get(hex(key)) ?? null;
  }

  put(map, key, value) {
    this.rows(map).set(hex(key), Uint8Array.from(value));
  }

  delete(map, key) {
    this.rows(map).delete(hex(key));
  }

  range(map, start, end, limit) {
    const rows = this.rows(map);
    const [from, before] = [hex(start), end === null ? undefined : hex(end)];
    const found = [...rows.keys()].filter((key) => key >= from && (before === undefined || key < before)).sort();
    const entries = found.slice(0, Math.min(limit, 1000)).map((key) => ({ key: unhex(key), value: rows.get(key) }));
    return { entries, more: found.length > entries.length };
  }

  keep() {
    this.kept = true;
  }

  bind(digest) {
    if (digest.length !== 32 || this.claims.length === 16) {
      throw new Error("a claim is 32 bytes, and a call binds at most 16");
    }
    this.claims.push(Uint8Array.from(digest));
  }

  write(level, message) {
    this.log.push({ level, message });
  }

  /** The same bytes in each run of a test (Mulberry32). */
  randomBytes(length) {
    return Uint8Array.from({ length }, () => {
      this.seed = (this.seed + 0x6d2b79f5) | 0;
      let mixed = Math.imul(this.seed ^ (this.seed >>> 15), 1 | this.seed);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      return (mixed ^ (mixed >>> 14)) >>> 24;
    });
  }
}

export class Synod {
  #maps = new Map();
  #seqno = 0;
  /** The ledger's time, in milliseconds. */
  time = 0;
  /** What the last call bound and logged. */
  claims = [];
  log = [];

  constructor(app) {
    this.app = app;
  }

  /** Calls the app: `request` is its method and path pattern, such as `GET /notes/{id}`. */
  call(caller, request, { params = {}, query, headers = {}, body = new Uint8Array(0), json } = {}) {
    const [method, route] = request.split(" ");
    const fields = (object) => Object.entries(object).map(([name, value]) => ({ name, value }));
    const filled = Object.entries(params).reduce(
      (path, [name, value]) => path.replace(`{${name}}`, value).replace(`{${name}...}`, value),
      route,
    );
    const bytes = json === undefined ? body : encodeUtf8(JSON.stringify(json));
    const raw = {
      method, route, path: filled, query: query ?? null,
      params: fields(params), headers: fields(headers), body: bytes,
    };
    const answer = this.#execute(caller, () => this.app.handle(raw), ({ status }) => status < 400);
    return { ...answer, json: () => JSON.parse(decodeUtf8(answer.body)), text: () => decodeUtf8(answer.body) };
  }

  /** Runs something as the service itself, such as `app.lifecycle.init`; what it writes is kept. */
  run(work) {
    return this.#execute({ kind: "service", id: "", roles: [], claims: [] }, work, () => true);
  }

  #execute(identity, work, succeeded) {
    this.#seqno += 1;
    const call = new Call(this.#maps, { claims: [], ...identity }, this.time, this.#seqno);
    [this.claims, this.log] = [call.claims, call.log];
    const answer = during(call, work);
    if (call.kept || succeeded(answer)) {
      this.#maps = call.maps;
    }
    return answer;
  }
}

/** A user with some roles. */
export const user = (id, ...roles) => ({ kind: "user", id, roles });
/** A member. */
export const member = (id) => ({ kind: "member", id, roles: [] });
/** Nobody that the ledger knows. */
export const anonymous = () => ({ kind: "anonymous", id: "", roles: [] });
