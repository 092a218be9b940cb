/** Claims that the receipt of a transaction proves. */

import * as host from "#host";
import { sha256 } from "./sha256.js";
import { encodeUtf8 } from "./utf8.js";

export { sha256 };

/** Binds a SHA-256 digest (32 bytes) into the transaction's leaf, at most 16 of them. */
export function bindClaim(digest) {
  host.claims.bind(digest);
}

/** Binds the SHA-256 of a statement, text or bytes, and tells it. */
export function bindClaimOf(statement) {
  const digest = sha256(typeof statement === "string" ? encodeUtf8(statement) : statement);
  bindClaim(digest);
  return digest;
}
