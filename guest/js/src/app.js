/** Which handler answers, by method and the route of the manifest; and what runs when a version is set. */

import { log } from "./log.js";
import { Request } from "./request.js";
import { Problem } from "./response.js";

export class App {
  #routes = new Map();
  #init;
  #migrate;

  /** What answers `GET` (and `HEAD`) of a route, whose pattern is that of `app.toml`, letter for letter. */
  get(route, handler) {
    this.on("HEAD", route, handler);
    return this.on("GET", route, handler);
  }

  post(route, handler) {
    return this.on("POST", route, handler);
  }

  put(route, handler) {
    return this.on("PUT", route, handler);
  }

  patch(route, handler) {
    return this.on("PATCH", route, handler);
  }

  delete(route, handler) {
    return this.on("DELETE", route, handler);
  }

  /** What answers a method of a route. */
  on(method, route, handler) {
    let methods = this.#routes.get(route);
    if (methods === undefined) {
      methods = new Map();
      this.#routes.set(route, methods);
    }
    methods.set(method, handler);
    return this;
  }

  /** What prepares the maps of an app that is set for the first time. */
  init(prepare) {
    this.#init = prepare;
    return this;
  }

  /** What brings the maps of an earlier version, which it is told, to this one's form. */
  migrate(bring) {
    this.#migrate = bring;
    return this;
  }

  /** Answers a request as the host has it. A {@link Problem} that is thrown is the answer; another error ends the call. */
  handle(raw) {
    try {
      return this.#handler(raw)(new Request(raw));
    } catch (error) {
      if (error instanceof Problem) {
        return error.response();
      }
      tell(error);
      throw error;
    }
  }

  #handler({ route, method }) {
    const methods = this.#routes.get(route);
    if (methods === undefined) {
      throw Problem.notFound("the app has no such route");
    }
    const handler = methods.get(method);
    if (handler === undefined) {
      throw new Problem(405, "method_not_allowed", "this route has no such method");
    }
    return handler;
  }

  /** What the host calls; thrown text is the reason why the version is not to take effect. */
  get lifecycle() {
    return {
      init: () => reasoned(() => this.#init?.()),
      migrate: (from) => reasoned(() => this.#migrate?.(from)),
    };
  }
}

function reasoned(step) {
  try {
    step();
  } catch (error) {
    throw error instanceof Error ? error.message : String(error);
  }
}

/** The log gets the error's message, if the app may write a log. */
function tell(error) {
  if (log.admitted) {
    const message = error instanceof Error ? `${error.message}\n${error.stack ?? ""}` : String(error);
    log.error(message);
  }
}
