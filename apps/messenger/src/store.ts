/** Rows of JSON in the maps, and how many bytes the call has written, for the ballast. */

import { Ballast } from "./ballast.js";
import type { Host } from "./host.js";
import { MAPS } from "./records.js";
import { decode, encode } from "./utf8.js";

/** A row with its key. */
export interface Row<T> {
  key: string;
  value: T;
}

export class Store {
  readonly #host: Host;
  readonly #ballast = new Ballast();

  constructor(host: Host) {
    this.#host = host;
  }

  get<T>(map: string, key: string): T | undefined {
    const value = this.#host.get(map, key);
    return value === undefined ? undefined : parse<T>(value);
  }

  put<T extends object>(map: string, key: string, row: T): void {
    this.putBytes(map, key, encode(JSON.stringify(row)));
  }

  putBytes(map: string, key: string, value: Uint8Array): void {
    this.#ballast.put(map, key, value.length);
    this.#host.put(map, key, value);
  }

  delete(map: string, key: string): void {
    this.#ballast.delete(map, key);
    this.#host.delete(map, key);
  }

  range<T>(map: string, start: string, end: string, limit: number): Row<T>[] {
    return rows<T>(this.#host.range(map, start, end, limit).entries);
  }

  /** A page of the rows whose keys begin with `prefix`, and whether more follow. */
  page<T>(map: string, prefix: string, after: string | undefined, limit: number): { rows: Row<T>[]; more: boolean } {
    const page = this.#host.prefix(map, prefix, after, limit);
    return { rows: rows<T>(page.entries), more: page.more };
  }

  /** The keys that begin with `prefix`, without it, at most `limit`. */
  names(map: string, prefix: string, limit: number): string[] {
    return this.#host.prefix(map, prefix, undefined, limit).entries.map(({ key }) => key.slice(prefix.length));
  }

  /** Ends the call: fills what was written up to one of few sizes. Nothing may be written afterwards. */
  settle(): void {
    const filling = this.#ballast.filling();
    if (filling !== undefined) {
      this.#host.put(MAPS.ballast, filling.key, new Uint8Array(filling.length));
    }
  }
}

function rows<T>(entries: { key: string; value: Uint8Array }[]): Row<T>[] {
  return entries.map(({ key, value }) => ({ key, value: parse<T>(value) }));
}

function parse<T>(value: Uint8Array): T {
  return JSON.parse(decode(value)) as T;
}
