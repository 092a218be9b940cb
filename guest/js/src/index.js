/** Writes apps for Synod: see README.md, and `types/index.d.ts` for what is here. */

export { App } from "./app.js";
export { bindClaim, bindClaimOf, sha256 } from "./claims.js";
export { keys } from "./keys.js";
export { log } from "./log.js";
export { StoredMap, values } from "./map.js";
export { random } from "./random.js";
export { Problem, bytes, empty, json, text } from "./response.js";
export { caller, keepWrites, ledgerTime, transactionId } from "./transaction.js";
export { decodeUtf8, encodeUtf8 } from "./utf8.js";
