/** What a caller is told when a request cannot be met. Nothing here says whether a room that one is not in exists. */

/** Ends the request; what it wrote is not kept. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    /** The stable code, to be matched by programs. */
    readonly code: string,
    /** A sentence for people. */
    readonly title: string,
  ) {
    super(title);
  }
}

/** The request's form is wrong; the caller's fault. */
export function badRequest(title: string): Problem {
  return new Problem(400, "bad_request", title);
}

/** There is no such room, or the caller is not in it: these two are never told apart. */
export function unknownRoom(): Problem {
  return new Problem(404, "unknown_room", "there is no such room, or you are not in it");
}

/** There is no such message in the part of the room that the caller may see. */
export function unknownMessage(): Problem {
  return new Problem(404, "unknown_message", "there is no such message");
}

/** The user is not in the room. Only said to somebody who is. */
export function unknownMember(): Problem {
  return new Problem(404, "unknown_member", "this user is not in the room");
}

/** The caller is in the room, but may not do this. */
export function forbidden(title: string): Problem {
  return new Problem(403, "forbidden", title);
}

/** The room is not in the state for it. */
export function conflict(code: string, title: string): Problem {
  return new Problem(409, code, title);
}
