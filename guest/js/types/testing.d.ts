/** A pretended host in memory, for tests under Node. */

import type { App, Kind, Level, Response } from "./index.js";

export interface Caller {
  kind: Kind;
  id: string;
  roles: string[];
  claims?: [string, string][];
}

export interface Asked {
  params?: Record<string, string>;
  query?: string;
  headers?: Record<string, string>;
  body?: Uint8Array;
  json?: unknown;
}

/** A pretended service with one app. */
export class Synod {
  constructor(app: App);
  /** The ledger's time, in milliseconds. */
  time: number;
  /** What the last call bound. */
  claims: Uint8Array[];
  /** What the last call logged. */
  log: { level: Level; message: string }[];
  /** Calls the app: `request` is its method and path pattern, such as `GET /notes/{id}`. */
  call(caller: Caller, request: string, asked?: Asked): Response & { json(): any; text(): string };
  /** Runs something as the service itself; what it writes is kept. */
  run<T>(work: () => T): T;
}

export function user(id: string, ...roles: string[]): Caller;
export function member(id: string): Caller;
export function anonymous(): Caller;
