/** Writes apps for Synod in JavaScript and TypeScript. */

import type { Field, Kind, Level, LifecycleInterface, Request as RawRequest, Response } from "./wit.js";

export type { Field, Kind, Level, Response };

/** What a request says. */
export interface Request {
  /** The method, in capitals. */
  readonly method: string;
  /** The path below `/app/NAME`, percent-encoded as it came. */
  readonly path: string;
  /** The pattern of the route in the manifest that the request met. */
  readonly route: string;
  /** What stands in the places of the pattern's names, decoded. */
  readonly params: Readonly<Record<string, string>>;
  /** The header fields, names in lower case. */
  readonly headers: readonly Field[];
  /** The body. */
  readonly body: Uint8Array;
  /** The query, percent-encoded as it came. */
  readonly queryString: string;
  /** The first value of a name in the query, decoded. A query that is badly encoded is a problem 400. */
  query(name: string): string | undefined;
  /** The same as a whole number from 0 to `max`, or `otherwise` if it is not there; else a problem 400. */
  queryNumber(name: string, otherwise: number, max?: number): number;
  /** The first value of a header field, by its name in lower case. */
  header(name: string): string | undefined;
  /** The body as text; a problem 400 if it is not UTF-8. */
  text(): string;
  /** The body as JSON; a problem 400 if it is not. What it holds is for the app to check. */
  json(): unknown;
}

/** Answers a request. A {@link Problem} that it throws is the answer; any other error ends the call. */
export type Handler = (request: Request) => Response;

/** An app: its routes, with the patterns of `app.toml`, letter for letter. The entry file's default export. */
export class App {
  /** What answers `GET`, and `HEAD`. */
  get(route: string, handler: Handler): this;
  post(route: string, handler: Handler): this;
  put(route: string, handler: Handler): this;
  patch(route: string, handler: Handler): this;
  delete(route: string, handler: Handler): this;
  /** What answers another method. */
  on(method: string, route: string, handler: Handler): this;
  /** What prepares the maps of an app that is set for the first time. `package.json` then says `"synod": {"lifecycle": true}`. */
  init(prepare: () => void): this;
  /** What brings the maps of an earlier version to this one's form; an error that it throws keeps the old version. */
  migrate(bring: (from: string) => void): this;
  /** What the host calls. */
  handle(request: RawRequest): Response;
  readonly lifecycle: LifecycleInterface;
}

/** An answer without a body; 204 unless another status is given. */
export function empty(status?: number): Response;
/** Bytes of some media type; 200 unless another status is given. */
export function bytes(mediaType: string, body: Uint8Array, status?: number): Response;
/** Text; 200 unless another status is given. */
export function text(body: string, status?: number): Response;
/** A value as JSON; 200 unless another status is given. */
export function json(value: unknown, status?: number): Response;

/**
 * What went wrong, told to the caller as RFC 9457 has it: a status from 400 on, a code for programs and a sentence for
 * people. Nothing that the call wrote is kept, unless it asked for {@link keepWrites}.
 */
export class Problem extends Error {
  constructor(status: number, code: string, title: string);
  static badRequest(title: string): Problem;
  static forbidden(title: string): Problem;
  static notFound(title: string): Problem;
  static conflict(title: string): Problem;
  readonly status: number;
  readonly code: string;
  response(): Response;
}

/** How keys are written, so that their bytes have their order. `P` is what keys may be said to begin with. */
export interface KeyCodec<K, P = never> {
  write(key: K, last: boolean): Uint8Array;
  read(bytes: Uint8Array, at: number, last: boolean): [K, number];
  start?(prefix: P): Uint8Array;
}

type Leading<T extends readonly unknown[]> = T extends readonly [...infer L, unknown] ? L | Leading<L> : [];
type KeyOf<C> = C extends KeyCodec<infer K, infer _> ? K : never;

export const keys: {
  /** Text, in the order of its UTF-8. */
  text: KeyCodec<string, string>;
  /** Bytes. */
  bytes: KeyCodec<Uint8Array, Uint8Array>;
  /** Whole numbers from 0 to 2^53 - 1. */
  number: KeyCodec<number>;
  /** The same, the greatest first. */
  descending: KeyCodec<number>;
  /** Several parts; a prefix is the first of them. */
  tuple<T extends KeyCodec<any, any>[]>(
    ...parts: T
  ): KeyCodec<{ [I in keyof T]: KeyOf<T[I]> }, Leading<{ [I in keyof T]: KeyOf<T[I]> }>>;
};

/** How values are written. */
export interface ValueCodec<V> {
  write(value: V): Uint8Array;
  read(bytes: Uint8Array): V;
}

export const values: {
  json: ValueCodec<any>;
  text: ValueCodec<string>;
  bytes: ValueCodec<Uint8Array>;
};

/** Which rows of a map. */
export interface Range<K, P> {
  /** Those whose keys begin so: with text, or with the first parts of a tuple. */
  prefix?: P;
  /** From this key on. */
  from?: K;
  /** Before this key. */
  before?: K;
  /** After this key. */
  after?: K;
  /** At most so many; none is fetched past them. */
  limit?: number;
}

/**
 * A map of the app, which its manifest declares: `accounts` for a private one, `public:settlements` for a public one.
 * Keys are text and values JSON unless others are given. A row that this app cannot have written is an error.
 */
export class StoredMap<V = any, K = string, P = K extends string ? string : never> {
  constructor(name: string, codecs?: { key?: KeyCodec<K, P>; value?: ValueCodec<V> });
  get(key: K): V | undefined;
  has(key: K): boolean;
  put(key: K, value: V): void;
  /** Takes a key out. That it has no value is no error. */
  delete(key: K): void;
  /** Rows in the order of their keys, fetched as they are asked for. What was fetched counts as read. */
  entries(range?: Range<K, P>): IterableIterator<[K, V]>;
  /** At most `limit` rows, and whether more follow: for answers in pages. */
  page(range: Range<K, P> & { limit: number }): { rows: [K, V][]; more: boolean };
}

/** The caller of this request; `claims.key` is the SHA-256 of the public key in the caller's certificate. */
export function caller(): { kind: Kind; id: string; roles: string[]; claims: Record<string, string> };

/**
 * The name that this transaction has if it takes effect, written `view.seqno`. A call that asked is executed again if
 * another takes its place first. To name rows, take {@link random}.
 */
export function transactionId(): string;

/** The ledger's time, in milliseconds since 1970-01-01 UTC. It never goes back, and may stand still for a while. */
export function ledgerTime(): number;

/** Keeps what this call writes even if it answers with a status from 400 on: to put a refusal on record. */
export function keepWrites(): void;

/** Random numbers, from a seed that is recorded, sealed, with the transaction. `Math.random` is not for apps. */
export const random: {
  /** So many random bytes, at most 65,536. */
  bytes(length: number): Uint8Array;
  /** A random whole number from 0 on, below `bound`. */
  below(bound: number): number;
  /** A random name of 22 letters, digits, `-` and `_`, to name rows with. */
  name(): string;
};

/** Binds a SHA-256 digest into the transaction's leaf, so that its receipt proves it; at most 16 of them. */
export function bindClaim(digest: Uint8Array): void;
/** Binds the SHA-256 of a statement, and tells it. */
export function bindClaimOf(statement: string | Uint8Array): Uint8Array;
/** The SHA-256 of some bytes. */
export function sha256(bytes: Uint8Array): Uint8Array;

/** The app's log: bounded, kept inside the TEE, for members and the app's owner. */
export const log: {
  /** Whether the manifest admits `log`; an error that ends a call is then logged by itself. */
  readonly admitted: boolean;
  debug(message: string): void;
  info(message: string): void;
  warn(message: string): void;
  error(message: string): void;
};

/** Text as UTF-8; half a pair of surrogates becomes U+FFFD. */
export function encodeUtf8(text: string): Uint8Array;
/** UTF-8 as text; `undefined` if it is none. */
export function decodeUtf8(bytes: Uint8Array): string | undefined;
