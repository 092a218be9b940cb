/**
 * Hides how much a call writes.
 *
 * Whoever holds the ledger sees the length of each transaction's sealed part, though not a byte of it. Without ballast
 * that length would tell how long a message is and in how many inboxes it went, so how many are in the room. So each
 * call that writes adds a row of zeros, which nobody reads, that makes the sealed part as long as the next of few
 * sizes: 1 KiB, 2, 4 and so on to 256 KiB, then multiples of 256 KiB.
 *
 * A write set is CBOR, `[*[map tstr, [+[key bstr, value bstr / null]]]]`; its length is computed here to the byte. What
 * else is sealed with it (the answer's digest) has the same length for each call.
 */

import { MAPS } from "./records.js";

/** The least size, in bytes. */
export const STEP_MIN = 1024;
/** From here on sizes grow by this. */
export const STEP_LARGE = 256 * 1024;

/** What a private map of the app is called in the write set, before the map's own name. */
const MAP_NAME_PREFIX = "app.messenger.";
/** The least length of the filling, so that its head has three bytes or more. */
const FILLING_MIN = 256;
const KEY = "0";

export interface Filling {
  key: string;
  /** The length of the row, in bytes. */
  length: number;
}

export class Ballast {
  /** Map → key → length of the value; -1 for a deletion. A later write of the same key replaces an earlier one. */
  readonly #written = new Map<string, Map<string, number>>();

  put(map: string, key: string, length: number): void {
    const keys = this.#written.get(map);
    if (keys === undefined) {
      this.#written.set(map, new Map([[key, length]]));
    } else {
      keys.set(key, length);
    }
  }

  delete(map: string, key: string): void {
    this.put(map, key, -1);
  }

  /** The row to add; none if nothing was written. */
  filling(): Filling | undefined {
    if (this.#written.size === 0) {
      return undefined;
    }
    const bare = this.#length();
    let size = nextSize(bare + FILLING_MIN);
    for (;;) {
      const length = lengthWithHead(size - bare);
      if (length !== undefined && length >= FILLING_MIN) {
        return { key: KEY, length };
      }
      size = nextSize(size + 1);
    }
  }

  /** The length of the write set with the ballast's row, but for the row's value. */
  #length(): number {
    const maps = [...this.#written].map(([map, keys]) => mapLength(map, keys));
    const ballast = mapLength(MAPS.ballast, new Map([[KEY, 0]])) - headLength(0);
    return headLength(maps.length + 1) + ballast + maps.reduce((sum, length) => sum + length, 0);
  }
}

/** The least of the sizes that is at least `length`. */
export function nextSize(length: number): number {
  let size = STEP_MIN;
  while (size < length && size < STEP_LARGE) {
    size *= 2;
  }
  return size >= length ? size : Math.ceil(length / STEP_LARGE) * STEP_LARGE;
}

/** The length that makes so many bytes together with its head; none if the head's growth leaps over it. */
function lengthWithHead(bytes: number): number | undefined {
  return [3, 5].map((head) => bytes - head).find((length) => length >= 0 && length + headLength(length) === bytes);
}

function mapLength(map: string, keys: Map<string, number>): number {
  const name = MAP_NAME_PREFIX.length + map.length;
  let length = headLength(2) + headLength(name) + name + headLength(keys.size);
  for (const [key, value] of keys) {
    length += entryLength(key, value);
  }
  return length;
}

function entryLength(key: string, value: number): number {
  const written = value < 0 ? 1 : headLength(value) + value;
  return headLength(2) + headLength(key.length) + key.length + written;
}

/** The length of a CBOR head with this argument. */
function headLength(argument: number): number {
  if (argument < 24) {
    return 1;
  }
  if (argument < 0x100) {
    return 2;
  }
  return argument < 0x10000 ? 3 : 5;
}
