/** The messenger as an app: its routes, and what its rules need of the service. */

import { App, type Request, type Response, StoredMap, bytes, caller, ledgerTime, random, values } from "@synod/app";

import { bodyOf, ofProblem } from "./answer.js";
import type { Host, Page } from "./host.js";
import { Problem } from "./problem.js";
import { MAPS } from "./records.js";
import { ROUTES, type Rule, answer } from "./routes.js";

type Rows = StoredMap<Uint8Array>;

const maps = new Map<string, Rows>(
  Object.values(MAPS).map((name) => [name, new StoredMap<Uint8Array>(name, { value: values.bytes })]),
);

function rowsOf(name: string): Rows {
  const rows = maps.get(name);
  if (rows === undefined) {
    throw new Error(`no map \`${name}\``);
  }
  return rows;
}

function pageOf(name: string, range: Parameters<Rows["page"]>[0]): Page {
  const { rows, more } = rowsOf(name).page(range);
  return { entries: rows.map(([key, value]) => ({ key, value })), more };
}

const host: Host = {
  get: (name, key) => rowsOf(name).get(key),
  put: (name, key, value) => rowsOf(name).put(key, value),
  delete: (name, key) => rowsOf(name).delete(key),
  range: (name, from, before, limit) => pageOf(name, { from, before, limit }),
  prefix: (name, prefix, after, limit) => pageOf(name, { prefix, limit, ...(after === undefined ? {} : { after }) }),
  caller: () => caller().id,
  nowMs: ledgerTime,
  random: random.bytes,
};

function handle(rule: Rule, request: Request): Response {
  try {
    const answered = answer(host, rule, { params: request.params, query: request.queryString, body: request.body });
    return bytes("application/json", bodyOf(answered), answered.status);
  } catch (error) {
    if (!(error instanceof Problem)) {
      throw error;
    }
    const told = ofProblem(error);
    return bytes("application/problem+json", bodyOf(told), told.status);
  }
}

const app = new App();
for (const [line, rule] of Object.entries(ROUTES)) {
  const [method, route] = line.split(" ") as [string, string];
  const handler = (request: Request) => handle(rule, request);
  if (method === "GET") {
    app.get(route, handler);
  } else {
    app.on(method, route, handler);
  }
}

export default app;
