// What an operator finds who searches every file: nothing of rooms, their names, their members and their messages.
//
//     node test/disk.mjs SYNOD        where SYNOD is the program, and the app is built
//
// Starts a local network, has three users make rooms and talk, watches, stops the network, and searches every byte that
// it left. One text is put into a public map on purpose: a search that does not find it proves nothing.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

import { Network } from "./disk/network.mjs";
import { search } from "./disk/search.mjs";

const mark = randomBytes(6).toString("hex");
const NAME = `board of ${mark}`;
const TEXT = `we meet at noon, ${mark}, and wear grey`;
const EDITED = `we meet at dusk, ${mark}, and wear green`;
const DIRECT = `between the two of us: ${mark}`;
/** Somebody who is let into a room but is no user: users' names are public on the ledger, who is in a room is not. */
const GHOST = `ghost-${mark}`;
const PUBLIC = `told to everybody: ${randomBytes(6).toString("hex")}`;
/** `up` stops one of its four replicas before the app is asked anything. */
const LIVE = 3;

async function ask(network, user, line, json, expected = [200, 201]) {
  const [method, path] = line.split(" ");
  const answer = await network.ask(user, method, `/app/messenger${path}`, json);
  assert.ok(expected.includes(answer.status), `${user}: ${line}: ${answer.status} ${JSON.stringify(answer.json)}`);
  return answer.json;
}

/** Everything that the rules know is said and done; gives the ids that were drawn on the way. */
async function talk(network) {
  const room = (await ask(network, "anna", "POST /rooms", { name: NAME })).id;
  const put = (user, role) => ask(network, "anna", `PUT /rooms/${room}/members/${user}`, { role });
  await put("bert", "moderator");
  await put(GHOST, "reader");
  const inbox = network.inbox("bert");
  await inbox.next();
  const { number, id } = await ask(network, "anna", `POST /rooms/${room}/messages`, { text: TEXT });
  const { value } = await inbox.next();
  assert.equal(value.key, `bert/${room}`);
  assert.equal(value.notice.event.text, TEXT);
  await inbox.return();
  await ask(network, "anna", `PUT /rooms/${room}/messages/${number}`, { text: EDITED });
  const direct = (await ask(network, "bert", "PUT /direct/carl")).id;
  await ask(network, "carl", `POST /rooms/${direct}/messages`, { text: DIRECT });
  const page = await ask(network, "bert", `GET /rooms/${direct}/messages`);
  assert.equal(page.events.at(-1).text, DIRECT);
  await ask(network, "carl", `GET /rooms/${room}/messages`, undefined, [404]);
  return [room.split(".")[1], direct.split(".")[1], id];
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), "messenger-"));
  const network = new Network(resolve(process.argv[2] ?? "synod"), folder, 20_000 + (process.pid % 200) * 100);
  try {
    await network.start();
    ["anna", "bert", "carl"].forEach((user) => network.admit(user));
    const ids = await talk(network);
    network.run("kv", "put", "public:notices", "1", PUBLIC, "--dir", network.folder);
    await network.stop();
    report(search(network.folder, [NAME, TEXT, EDITED, DIRECT, GHOST, mark, ...ids, PUBLIC]), network.replicas());
  } finally {
    await network.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The public text stands in the folder of each replica that was alive, and nothing else is found anywhere. */
function report({ files, bytes, hits }, replicas) {
  const control = hits.filter(({ text }) => text === PUBLIC);
  const holders = replicas.filter((replica) => control.some(({ file }) => file.includes(`/${replica}/`)));
  assert.ok(holders.length >= LIVE, `the public text is only in ${holders}`);
  const others = hits.filter(({ text }) => text !== PUBLIC);
  assert.deepEqual(others, []);
  console.log(JSON.stringify({ files, bytes, public_text_found: control.length, private_texts_found: 0 }));
}

await main();
