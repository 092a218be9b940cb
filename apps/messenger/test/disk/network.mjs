// A local network with the messenger: `synod up`, users whom the members admit, and their requests.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const APP = fileURLToPath(new URL("../..", import.meta.url));
/** How long the network may take to come up with the app: compiling it takes seconds. */
const START_S = 150;
const MEMBERS = ["alice", "bob"];
/** `up` stops its first replica on the way and puts a fourth in its place. */
const REPLICAS = 4;

export class Network {
  #synod;
  #folder;
  #port;
  /** Which replica is asked first. */
  #replica = 0;
  #process;

  constructor(synod, folder, port) {
    this.#synod = synod;
    this.#folder = folder;
    this.#port = port;
  }

  /** The folder of the ledgers, logs and keys. */
  get folder() {
    return join(this.#folder, ".synod");
  }

  /** Starts the network, and waits until the app answers. */
  async start() {
    const args = ["up", "--app", APP, "--dir", this.folder, "--port-base", String(this.#port)];
    this.#process = spawn(this.#synod, args, { stdio: ["ignore", "ignore", "inherit"] });
    for (let waited = 0; waited < START_S; waited += 1) {
      if (this.#process.exitCode !== null) {
        throw new Error("`synod up` ended");
      }
      this.#replica = 1 + (waited % REPLICAS);
      const answer = await this.ask("user", "GET", "/app/messenger/rooms").catch(() => undefined);
      if (answer?.status === 200) {
        return;
      }
      await pause(1000);
    }
    throw new Error("the app does not answer");
  }

  async stop() {
    if (this.#process?.exitCode === null) {
      this.#process.kill("SIGINT");
      await once(this.#process, "exit");
    }
  }

  /** Runs a command of the program, and gives what it writes. */
  run(...args) {
    return execFileSync(this.#synod, args, { encoding: "utf8" }).trim();
  }

  /** Has the members admit a user. */
  admit(name) {
    const users = join(this.folder, "users");
    const signed = join(this.#folder, "signed");
    mkdirSync(signed, { recursive: true });
    const fingerprint = this.run("user", "keygen", name, "--out", users);
    const signatures = MEMBERS.map((member) => {
      const out = join(signed, `${name}.${member}`);
      const key = join(this.folder, "members", `${member}.key`);
      this.run("member", "act", "--dir", this.folder, "set-user", name, fingerprint, "--key", key, "--out", out);
      return out;
    });
    this.run("member", "submit", "--dir", this.folder, ...signatures);
  }

  /** What a user is answered; redirected to the leader if need be. */
  async ask(user, method, path, json) {
    let url = this.#url(path);
    for (let redirects = 0; redirects < 3; redirects += 1) {
      const answer = await this.#askOnce(user, method, url, json);
      if (answer.status !== 307) {
        return answer;
      }
      url = new URL(answer.headers.location, url);
    }
    throw new Error(`${path} goes in circles`);
  }

  async #askOnce(user, method, url, json) {
    const body = json === undefined ? undefined : JSON.stringify(json);
    const headers = body === undefined ? {} : { "content-type": "application/json" };
    const sent = request(url, { method, headers, ...this.#identity(user) });
    sent.end(body);
    const [response] = await once(sent, "response");
    const text = (await response.setEncoding("utf8").toArray()).join("");
    return { status: response.statusCode, headers: response.headers, json: text === "" ? undefined : JSON.parse(text) };
  }

  /** The changes of a user's inbox, one after the other, from now on. */
  async *inbox(user) {
    const url = this.#url(`/v1/watch?map=app.messenger.inbox&prefix=${user}/`);
    const sent = request(url, { headers: { accept: "text/event-stream" }, ...this.#identity(user) });
    sent.end();
    const [response] = await once(sent, "response");
    if (response.statusCode !== 200) {
      throw new Error(`the inbox of ${user} cannot be watched: ${response.statusCode}`);
    }
    yield undefined;
    let rest = "";
    try {
      for await (const piece of response.setEncoding("utf8")) {
        const events = (rest + piece).split("\n\n");
        rest = events.pop();
        yield* events.flatMap(changesOf);
      }
    } finally {
      sent.destroy();
    }
  }

  #url(path) {
    return new URL(path, `https://127.0.0.1:${this.#port + this.#replica}`);
  }

  #identity(user) {
    const file = (name) => readFileSync(join(this.folder, name));
    return {
      ca: file("service-ca.pem"),
      cert: file(`users/${user}.pem`),
      key: file(`users/${user}.key`),
      agent: false,
    };
  }

  /** The folders of the replicas, with ledger and log. */
  replicas() {
    return readdirSync(this.folder).filter((name) => name.startsWith("replica-"));
  }
}

/** The notices of one server-sent event. */
function changesOf(event) {
  const data = event
    .split("\n")
    .filter((line) => line.startsWith("data:"))
    .map((line) => line.slice(5));
  const { changes } = data.length === 0 ? { changes: [] } : JSON.parse(data.join("\n"));
  return (changes ?? []).map(({ key, value }) => ({ key, notice: value === null ? null : JSON.parse(value) }));
}
