/** What is answered, and its bytes. */

import { nextSize } from "./ballast.js";
import type { Problem } from "./problem.js";
import { encode, utf8Length } from "./utf8.js";

export interface Answer {
  status: number;
  json: object;
}

/** A problem as an answer (RFC 9457). */
export function ofProblem({ status, code, title }: Problem): Answer {
  return { status, json: { status, code, title } };
}

/** The body: JSON, filled up with spaces to one of few sizes, since its length can be seen on the wire. */
export function bodyOf(answer: Answer): Uint8Array {
  const json = JSON.stringify(answer.json);
  return encode(json, nextSize(utf8Length(json)));
}
