/** Answers, and what went wrong as an answer. */

import { encodeUtf8 } from "./utf8.js";

/** An answer without a body. */
export function empty(status = 204) {
  return { status, headers: [], body: new Uint8Array(0) };
}

/** Bytes of some media type. */
export function bytes(mediaType, body, status = 200) {
  return { status, headers: [{ name: "content-type", value: mediaType }], body };
}

/** Text. */
export function text(body, status = 200) {
  return bytes("text/plain; charset=utf-8", encodeUtf8(body), status);
}

/** A value as JSON. */
export function json(value, status = 200) {
  return bytes("application/json", encodeUtf8(JSON.stringify(value)), status);
}

/** What went wrong, told to the caller as RFC 9457 has it. */
export class Problem extends Error {
  constructor(status, code, title) {
    super(title);
    this.name = "Problem";
    this.status = status;
    this.code = code;
  }

  static badRequest(title) {
    return new Problem(400, "bad_request", title);
  }

  static forbidden(title) {
    return new Problem(403, "forbidden", title);
  }

  static notFound(title) {
    return new Problem(404, "not_found", title);
  }

  static conflict(title) {
    return new Problem(409, "conflict", title);
  }

  /** The problem as an answer. */
  response() {
    const { status, code, message: title } = this;
    const body = encodeUtf8(JSON.stringify({ status, code, title }));
    return bytes("application/problem+json", body, status);
  }
}
