/** Which function answers which request. Paths and methods are those of `app.toml`; a test compares the two. */

import type { Answer } from "./answer.js";
import { Call } from "./call.js";
import type { Host } from "./host.js";
import type { Ask } from "./input.js";
import { listMembers, putMember, removeMember } from "./members.js";
import { edit, history, markRead, post, remove, show } from "./messages.js";
import { closeRoom, createRoom, directRoom, listRooms, renameRoom, showRoom } from "./rooms.js";

export type Rule = (call: Call, ask: Ask) => Answer;

/** Method and route → what answers. */
export const ROUTES: Record<string, Rule> = {
  "GET /rooms": listRooms,
  "POST /rooms": createRoom,
  "GET /rooms/{room}": showRoom,
  "PATCH /rooms/{room}": renameRoom,
  "DELETE /rooms/{room}": closeRoom,
  "GET /rooms/{room}/members": listMembers,
  "PUT /rooms/{room}/members/{user}": putMember,
  "DELETE /rooms/{room}/members/{user}": removeMember,
  "GET /rooms/{room}/messages": history,
  "POST /rooms/{room}/messages": post,
  "GET /rooms/{room}/messages/{number}": show,
  "PUT /rooms/{room}/messages/{number}": edit,
  "DELETE /rooms/{room}/messages/{number}": remove,
  "PUT /rooms/{room}/read": markRead,
  "PUT /direct/{user}": directRoom,
};

/** Answers one request. Throws a `Problem` if it cannot be met. */
export function answer(host: Host, rule: Rule, ask: Ask): Answer {
  const call = new Call(host);
  const answer = rule(call, ask);
  call.store.settle();
  return answer;
}
