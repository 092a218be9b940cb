/** The transaction that a call is, and who makes it. */

import * as host from "#host";

/** The caller of this request, as the ledger's own tables have it. */
export function caller() {
  const { kind, id, roles, claims } = host.caller.identify();
  return { kind, id, roles, claims: Object.fromEntries(claims) };
}

/** The name that this transaction has if it takes effect, written `view.seqno`. */
export function transactionId() {
  const { view, seqno } = host.transaction.id();
  return `${view}.${seqno}`;
}

/** The ledger's time, in milliseconds since 1970-01-01 UTC. */
export function ledgerTime() {
  return Number(host.ledgerTime.now());
}

/** Keeps what this call writes even if it answers with a status from 400 on. */
export function keepWrites() {
  host.mapWrites.keep();
}
