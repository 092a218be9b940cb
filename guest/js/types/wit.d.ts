/** What the host offers a component. Made from `wit/app.wit` by `npm run types`; not to be edited. */

/** A header field: a name in lower case, and its value. */
export interface Field {
  name: string;
  value: string;
}

/** What is asked. */
export interface Request {
  /** The method, in capitals. */
  method: string;
  /**
   * The path below `/app/NAME`, beginning with `/`, percent-encoded as it came, without empty, `.` or `..`
   * segments.
   */
  path: string;
  /** The query without its `?`, percent-encoded as it came. */
  query: string | null;
  /** The path pattern of the route in the manifest that the request met, such as `/rooms/{room}/messages`. */
  route: string;
  /** What stands in the places of the pattern's names, percent-decoded, in the pattern's order. */
  params: Field[];
  /** The header fields, but for those that concern the connection alone. */
  headers: Field[];
  /** The body. */
  body: Uint8Array;
}

/** What is answered. */
export interface Response {
  /** From 200 to 599. From 400 on, nothing that the call wrote is kept, unless it asked for `map-writes.keep`. */
  status: number;
  /** Header fields; those that concern the connection, and names that begin with `synod-`, are not allowed. */
  headers: Field[];
  /** The body. */
  body: Uint8Array;
}

/** What an app offers: an answer to a request. */
export interface HandlerInterface {
  /** Answers one request, in one transaction. */
  handle(request: Request): Response;
}

/** What an app may offer besides. An error, or a trap, and the version that is to be set never takes effect. */
export interface LifecycleInterface {
  /** Prepares the maps of an app that is set for the first time, in one transaction. */
  init(): void;
  /** Brings the maps of an earlier version to this one's form, in one transaction. */
  migrate(fromVersion: string): void;
}

/** A key and its value. */
export interface Entry {
  key: Uint8Array;
  value: Uint8Array;
}

/** A part of a map, in the order of keys as bytes. */
export interface Page {
  entries: Entry[];
  /** Whether more keys follow the last one. */
  more: boolean;
}

/**
 * Reading the app's maps: ordered maps of bytes to bytes.
 *
 * A map's name is one that the manifest declares: `accounts` for a private map, `public:settlements` for a public
 * one. Private maps are in plain text only inside TEEs; public maps are on the ledger for everybody.
 */
export interface MapsInterface {
  /** The value of a key. */
  get(map: string, key: Uint8Array): Uint8Array | null;
  /** Whether a key has a value. */
  has(map: string, key: Uint8Array): boolean;
  /** The keys from `start` on, before `end` (or to the map's end), at most `limit` of them and at most 1,000. */
  range(map: string, start: Uint8Array, end: Uint8Array | null, limit: number): Page;
  /** The keys that begin with `prefix`, after `after` if it is given, at most `limit` of them and at most 1,000. */
  prefix(map: string, prefix: Uint8Array, after: Uint8Array | null, limit: number): Page;
}

/** Writing the app's maps; see `maps` for their names. In a query (a route that only reads) it ends the call. */
export interface MapWritesInterface {
  /** Gives a key a value. */
  put(map: string, key: Uint8Array, value: Uint8Array): void;
  /** Takes a key out. That it has no value is no error. */
  delete(map: string, key: Uint8Array): void;
  /** Keeps what this call writes even if it answers with a status from 400 on: to put a refusal on record. */
  keep(): void;
}

/** What the caller is to this service. */
export type Kind =
  /** Nobody that the ledger knows. */
  | "anonymous"
  /** A user. */
  | "user"
  /** A member: one of those who govern. */
  | "member"
  /** The service itself, which calls `init` and `migrate`. */
  | "service"
  ;

/** A caller, as the ledger's own tables have it. */
export interface Identity {
  kind: Kind;
  /** The name of the user or member; empty for others. */
  id: string;
  /** The user's roles. */
  roles: string[];
  /**
   * What else is verified of the caller: `key` is the SHA-256 of the public key in the caller's TLS
   * certificate, in lower-case hexadecimal.
   */
  claims: [string, string][];
}

/** Who calls. */
export interface CallerInterface {
  /** The caller of this request. */
  identify(): Identity;
}

/** The name of a transaction, written `view.seqno`. */
export interface TxId {
  view: number;
  seqno: number;
}

/** Which transaction this is. */
export interface TransactionInterface {
  /**
   * The name that this transaction has if it takes effect; in a query, that of the newest transaction seen.
   *
   * A transaction that asked is executed again if another takes its place first. To name rows, take `random`.
   */
  id(): TxId;
}

/** The ledger's time. */
export interface LedgerTimeInterface {
  /**
   * Milliseconds since 1970-01-01 UTC: the newest block's time, a median of the replicas' clocks. It never goes
   * back, and it may stand still while nothing happens.
   */
  now(): number;
}

/** Claims that the receipt of this transaction proves. */
export interface ClaimsInterface {
  /** Binds a SHA-256 digest (32 bytes) into the transaction's leaf, at most 16 of them, in this order. */
  bind(digest: Uint8Array): void;
}

/** Random numbers from a seed that is drawn for each call and recorded, sealed, with its transaction. */
export interface RandomInterface {
  /** So many random bytes, at most 65,536. */
  bytes(len: number): Uint8Array;
  /** A random number. */
  u64(): number;
}

/** How grave it is. */
export type Level =
  | "debug"
  | "info"
  | "warn"
  | "error"
  ;

/** The app's log: bounded, kept inside the TEE, for members and the app's owner. */
export interface LogInterface {
  /** Adds a line, of which the first 1,024 bytes are kept. */
  write(level: Level, message: string): void;
}
