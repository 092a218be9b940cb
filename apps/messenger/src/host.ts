/** What the messenger needs of its host. The app binds it to the maps of the service, the tests to a table in memory. */

/** A key and its value. */
export interface Entry {
  key: string;
  value: Uint8Array;
}

/** A part of a map, in the order of its keys. */
export interface Page {
  entries: Entry[];
  /** Whether more keys follow. */
  more: boolean;
}

/** The host of one call. Keys are ASCII. */
export interface Host {
  get(map: string, key: string): Uint8Array | undefined;
  put(map: string, key: string, value: Uint8Array): void;
  delete(map: string, key: string): void;
  /** The keys from `start` on and before `end`. */
  range(map: string, start: string, end: string, limit: number): Page;
  /** The keys that begin with `prefix`, after `after`. */
  prefix(map: string, prefix: string, after: string | undefined, limit: number): Page;
  /** The name of the calling user. */
  caller(): string;
  /** The ledger's time, in Unix milliseconds. */
  nowMs(): number;
  /** So many random bytes. */
  random(length: number): Uint8Array;
}
