// A synod in memory: maps of bytes, one transaction a call, kept only if the call succeeds.

import { ROUTES, answer } from "../build/test/routes.js";
import { Problem } from "../build/test/problem.js";

export class Synod {
  maps = new Map();
  nowMs = 1_700_000_000_000;
  #drawn = 0;
  /** The length of the sealed write set of the newest call that wrote. */
  sealedLength = 0;
  operations = 0;

  /** What `user` is answered to `METHOD /path?query`. */
  ask(user, line, body) {
    const [method, target] = line.split(" ");
    const [path, query] = target.split("?");
    const { route, params } = match(method, path);
    const bytes = body === undefined ? new Uint8Array() : bytesOf(body);
    const call = new Transaction(this, user);
    try {
      const { status, json } = answer(call, ROUTES[`${method} ${route}`], { params, query, body: bytes });
      call.commit();
      return { status, json: JSON.parse(JSON.stringify(json)) };
    } catch (error) {
      call.rollBack();
      if (error instanceof Problem) {
        return { status: error.status, code: error.code, title: error.title };
      }
      throw error;
    }
  }

  random(length) {
    this.#drawn += 1;
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, this.#drawn);
    return bytes;
  }

  table(map) {
    const table = this.maps.get(map) ?? new Table();
    this.maps.set(map, table);
    return table;
  }

  /** The rows of a map, as JSON. */
  rows(map) {
    const rows = [...this.table(map).rows].sort(([a], [b]) => (a < b ? -1 : 1));
    return rows.map(([key, value]) => [key, JSON.parse(new TextDecoder().decode(value))]);
  }
}

function bytesOf(body) {
  if (body instanceof Uint8Array) {
    return body;
  }
  return new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body));
}

function match(method, path) {
  for (const line of Object.keys(ROUTES)) {
    const [routeMethod, route] = line.split(" ");
    const names = [...route.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const found = new RegExp(`^${route.replaceAll(/\{\w+\}/g, "([^/]+)")}$`).exec(path);
    if (routeMethod === method && found !== null) {
      const values = found.slice(1).map(decodeURIComponent);
      return { route, params: Object.fromEntries(names.map((name, at) => [name, values[at]])) };
    }
  }
  throw new Error(`no route for ${method} ${path}`);
}

/** An ordered map. */
class Table {
  rows = new Map();
  #keys = [];

  /** The place of the first key that is not less than `key`. */
  place(key) {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      [low, high] = this.#keys[middle] < key ? [middle + 1, high] : [low, middle];
    }
    return low;
  }

  set(key, value) {
    if (value === undefined) {
      if (this.rows.delete(key)) {
        this.#keys.splice(this.place(key), 1);
      }
      return;
    }
    if (!this.rows.has(key)) {
      this.#keys.splice(this.place(key), 0, key);
    }
    this.rows.set(key, value);
  }

  page(start, wanted, limit) {
    const bounded = Math.min(limit, 1000);
    const from = this.place(start);
    const keys = this.#keys.slice(from, from + bounded + 1).filter(wanted);
    const entries = keys.slice(0, bounded).map((key) => ({ key, value: this.rows.get(key) }));
    return { entries, more: keys.length > bounded };
  }
}

class Transaction {
  #synod;
  #user;
  #undo = [];
  #written = new Map();

  constructor(synod, user) {
    this.#synod = synod;
    this.#user = user;
    synod.operations = 0;
  }

  #table(map) {
    this.#synod.operations += 1;
    return this.#synod.table(map);
  }

  #write(map, key, value) {
    const table = this.#table(map);
    const before = table.rows.get(key);
    this.#undo.push(() => table.set(key, before));
    table.set(key, value);
    const written = this.#written.get(map) ?? new Map();
    this.#written.set(map, written.set(key, value ?? null));
  }

  get(map, key) {
    return this.#table(map).rows.get(key);
  }

  put(map, key, value) {
    this.#write(map, key, value);
  }

  delete(map, key) {
    this.#write(map, key, undefined);
  }

  range(map, start, end, limit) {
    return this.#page(map, start, (key) => key < end, limit);
  }

  prefix(map, prefix, after, limit) {
    const start = after === undefined ? prefix : `${after}\0`;
    return this.#page(map, start, (key) => key.startsWith(prefix), limit);
  }

  /** Each row of a page counts as an operation. */
  #page(map, start, wanted, limit) {
    const page = this.#table(map).page(start, wanted, limit);
    this.#synod.operations += page.entries.length;
    return page;
  }

  caller() {
    return this.#user;
  }

  nowMs() {
    return this.#synod.nowMs;
  }

  random(length) {
    return this.#synod.random(length);
  }

  commit() {
    if (this.#written.size > 0) {
      this.#synod.sealedLength = sealedLength(this.#written);
    }
  }

  rollBack() {
    this.#undo.reverse().forEach((undo) => undo());
  }
}

/** The length of a write set as the ledger encodes it, written down here a second time, by the CBOR of each item. */
function sealedLength(written) {
  let length = head(written.size);
  for (const [name, keys] of written) {
    length += head(2) + string(`app.messenger.${name}`.length) + head(keys.size);
    for (const [key, value] of keys) {
      length += head(2) + string(key.length) + (value === null ? 1 : string(value.length));
    }
  }
  return length;
}

const string = (length) => head(length) + length;
const head = (argument) => 1 + [23, 0xff, 0xffff].map((max, at) => (argument > max ? [1, 1, 2][at] : 0)).reduce((a, b) => a + b);
