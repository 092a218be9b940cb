/** What a request says. */

import { Problem } from "./response.js";
import { decodeUtf8 } from "./utf8.js";

export class Request {
  #query;

  constructor({ method, path, query, route, params, headers, body }) {
    this.method = method;
    this.path = path;
    this.route = route;
    this.params = Object.fromEntries(params.map(({ name, value }) => [name, value]));
    this.headers = headers;
    this.body = body;
    this.#query = query ?? "";
  }

  /** The query, percent-encoded as it came. */
  get queryString() {
    return this.#query;
  }

  /** The first value of a name in the query, decoded; `undefined` if it is not there. */
  query(name) {
    for (const pair of this.#query.split("&")) {
      const [own, ...value] = pair.split("=");
      if (pair !== "" && decode(own) === name) {
        return decode(value.join("="));
      }
    }
    return undefined;
  }

  /** The same as a whole number from 0 to `max`, or what stands for none. */
  queryNumber(name, otherwise, max = Number.MAX_SAFE_INTEGER) {
    const value = this.query(name);
    if (value === undefined) {
      return otherwise;
    }
    const number = Number(value);
    if (!/^[0-9]{1,16}$/.test(value) || number > max) {
      throw Problem.badRequest(`\`${name}\` in the query is not a number from 0 to ${max}`);
    }
    return number;
  }

  /** The value of a header field, by its name in lower case. */
  header(name) {
    return this.headers.find((header) => header.name === name)?.value;
  }

  /** The body as text; a problem 400 if it is not UTF-8. */
  text() {
    const text = decodeUtf8(this.body);
    if (text === undefined) {
      throw Problem.badRequest("the body is not UTF-8");
    }
    return text;
  }

  /** The body as JSON; a problem 400 if it is not. */
  json() {
    const text = this.text();
    try {
      return JSON.parse(text);
    } catch (error) {
      if (error instanceof SyntaxError) {
        throw Problem.badRequest(`the body is not JSON: ${error.message}`);
      }
      throw error;
    }
  }
}

function decode(text) {
  const spaced = text.replaceAll("+", " ");
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw Problem.badRequest("the query is not percent-encoded as it must be");
  }
}
