/** The host outside of components: `testing.js` keeps the call that is under way here. */

let underWay;

/** Runs something with a call under way. */
export function during(call, work) {
  if (underWay !== undefined) {
    throw new Error("one call at a time");
  }
  underWay = call;
  try {
    return work();
  } finally {
    underWay = undefined;
  }
}

function call() {
  if (underWay === undefined) {
    throw new Error("outside of a component the host is `Synod` of `@synod/app/testing`: make the call through it");
  }
  return underWay;
}

export const admitted = { log: true };
export const caller = { identify: () => call().identify() };
export const claims = { bind: (digest) => call().bind(digest) };
export const ledgerTime = { now: () => call().time };
export const log = { write: (level, message) => call().write(level, message) };
export const mapWrites = {
  put: (map, key, value) => call().put(map, key, value),
  delete: (map, key) => call().delete(map, key),
  keep: () => call().keep(),
};
export const maps = {
  get: (map, key) => call().get(map, key),
  has: (map, key) => call().get(map, key) !== null,
  range: (map, start, end, limit) => call().range(map, start, end, limit),
};
export const random = { bytes: (length) => call().randomBytes(length) };
export const transaction = { id: () => ({ view: 1, seqno: call().seqno }) };
