/** Maps with typed keys and values. */

import * as host from "#host";
import { keys } from "./keys.js";
import { decodeUtf8, encodeUtf8 } from "./utf8.js";

/** Rows that one question to the host brings, if no limit says otherwise. */
const PAGE_ROWS = 100;
/** Rows that one question to the host can bring. */
const PAGE_ROWS_MAX = 1000;

function textOf(bytes) {
  const text = decodeUtf8(bytes);
  if (text === undefined) {
    throw new Error("a value is not UTF-8");
  }
  return text;
}

/** How values are written. */
export const values = {
  json: {
    write: (value) => encodeUtf8(JSON.stringify(value)),
    read: (bytes) => JSON.parse(textOf(bytes)),
  },
  text: { write: encodeUtf8, read: textOf },
  bytes: { write: (value) => value, read: (bytes) => Uint8Array.from(bytes) },
};

export class StoredMap {
  #name;
  #key;
  #value;

  /** The map of this name, as the manifest declares it: `accounts`, or `public:settlements`. */
  constructor(name, { key = keys.text, value = values.json } = {}) {
    this.#name = name;
    this.#key = key;
    this.#value = value;
  }

  get(key) {
    const bytes = host.maps.get(this.#name, this.#key.write(key, true));
    return bytes === null || bytes === undefined ? undefined : this.#value.read(Uint8Array.from(bytes));
  }

  has(key) {
    return host.maps.has(this.#name, this.#key.write(key, true));
  }

  put(key, value) {
    host.mapWrites.put(this.#name, this.#key.write(key, true), this.#value.write(value));
  }

  delete(key) {
    host.mapWrites.delete(this.#name, this.#key.write(key, true));
  }

  /**
   * The rows in the order of their keys, from `from` on, before `before`, of those that begin with `prefix`; after the
   * key `after`, and at most `limit` of them.
   */
  *entries({ prefix, from, before, after, limit = Infinity } = {}) {
    let [start, end] = this.#bounds(prefix, from, before, after);
    for (let left = limit; left > 0; ) {
      const asked = left === Infinity ? PAGE_ROWS : Math.min(left, PAGE_ROWS_MAX);
      const { entries, more } = host.maps.range(this.#name, start, end, asked);
      for (const { key, value } of entries) {
        yield this.#row(key, value);
      }
      if (!more || entries.length === 0) {
        return;
      }
      left -= entries.length;
      start = next(entries[entries.length - 1].key);
    }
  }

  /** The same rows as an answer in pages has them, and whether more follow. */
  page(range) {
    const rows = [...this.entries({ ...range, limit: range.limit + 1 })];
    const more = rows.length > range.limit;
    return { rows: rows.slice(0, range.limit), more };
  }

  #bounds(prefix, from, before, after) {
    const start = prefix === undefined ? new Uint8Array(0) : this.#key.start(prefix);
    const end = prefix === undefined ? null : pastPrefix(start);
    const starts = [start];
    const ends = end === null ? [] : [end];
    if (from !== undefined) {
      starts.push(this.#key.write(from, true));
    }
    if (after !== undefined) {
      starts.push(next(this.#key.write(after, true)));
    }
    if (before !== undefined) {
      ends.push(this.#key.write(before, true));
    }
    starts.sort(compare);
    ends.sort(compare);
    return [starts[starts.length - 1], ends[0] ?? null];
  }

  #row(key, value) {
    const [read, end] = this.#key.read(Uint8Array.from(key), 0, true);
    if (end !== key.length) {
      throw new Error(`a key in \`${this.#name}\` is not what this app writes`);
    }
    return [read, this.#value.read(Uint8Array.from(value))];
  }
}

/** The first key after this one. */
function next(key) {
  const after = new Uint8Array(key.length + 1);
  after.set(key);
  return after;
}

/** The first key after all that begin so; `null` if there is none. */
function pastPrefix(prefix) {
  let last = prefix.length - 1;
  while (last >= 0 && prefix[last] === 0xff) {
    last -= 1;
  }
  if (last < 0) {
    return null;
  }
  const past = prefix.slice(0, last + 1);
  past[last] += 1;
  return past;
}

function compare(one, other) {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at += 1) {
    if (one[at] !== other[at]) {
      return one[at] - other[at];
    }
  }
  return one.length - other.length;
}
