// Runs the module over the sets of recorded evidence, each at its own time and under the baseline
// policy, and holds the outcome against what the set states.
//
//   node vectors.mjs MODULE.wasm [--vectors DIR] [--native PROGRAM]
//
// With `--native`, the same requests also go to the native build (the example `native`), which must
// answer them to the letter, and both are timed. Exit code 1: some set came out otherwise.

import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { gzipSync } from "node:zlib";

import { BadRequest, Verifier, amd, intel, nitro } from "./verifier.mjs";

const TEES = { snp: "sev-snp", tdx: "tdx", sgx: "sgx", nitro: "nitro" };
// How few judged sets would mean that something is amiss with the folder.
const JUDGED_MIN = { snp: 30, tdx: 30, sgx: 4, nitro: 6 };

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { vectors: { type: "string" }, native: { type: "string" } },
});
const TIMED_RUNS = values.native ? 10 : 3;
const here = dirname(fileURLToPath(import.meta.url));
const vectors = values.vectors ?? process.env.SYNOD_VECTORS ?? join(here, "../../shared/vectors");

const moduleBytes = readFileSync(positionals[0]);
const imports = WebAssembly.Module.imports(new WebAssembly.Module(moduleBytes));
if (imports.length > 0) fail(`the module imports ${imports.map((i) => `${i.module}.${i.name}`)}`);
console.log(`module: ${moduleBytes.length} bytes, ${gzipSync(moduleBytes, { level: 9 }).length} with gzip`);

const verifier = await Verifier.load(moduleBytes);
holdsTheInterface();
if (!existsSync(vectors)) {
  console.log(`SKIPPED: no vectors in ${vectors}`);
  process.exit(0);
}
const disagreements = Object.keys(TEES).flatMap(judgeAll);
for (const line of disagreements) console.error(`disagreement: ${line}`);
process.exit(disagreements.length > 0 ? 1 : 0);

/** What no set of evidence shows: bad requests are told from bad evidence, and end nothing. */
function holdsTheInterface() {
  const request = { evidence: new Uint8Array(3), policy: "baseline", atMs: 0 };
  const refused = (changes, part) => {
    try {
      verifier.verify({ ...request, ...changes });
    } catch (error) {
      if (error instanceof BadRequest && error.part === part) return;
      throw error;
    }
    fail(`a bad ${part} is accepted`);
  };
  refused({}, "evidence");
  refused({ tee: "abacus" }, "tee");
  refused({ policy: "lenient" }, "policy");
  refused({ tee: "nitro", against: ["lenient"] }, "against");
  refused({ endorsements: "{}" }, "endorsements");
  refused({ evidence: new Uint8Array(3 << 20) }, "evidence");
  refused({ tee: "nitro", reportData: new Uint8Array(63) }, "report_data");
}

function judgeAll(folder) {
  const sets = readdirSync(join(vectors, folder))
    .sort()
    .filter((name) => existsSync(join(vectors, folder, name, "meta.json")));
  const total = { sets: sets.length, accepted: 0, refused: 0, agreeing: 0, notJudged: 0 };
  const found = [];
  const timed = [];
  for (const name of sets) {
    const { id, expect } = JSON.parse(readFileSync(join(vectors, folder, name, "meta.json")));
    const request = load(folder, join(vectors, folder, name), expect);
    if (typeof request === "string") {
      console.log(`not judged  ${id}: ${request}`);
      total.notJudged += 1;
      continue;
    }
    const { authentic, accepted, appraisal, why } = judge(request);
    total[accepted ? "accepted" : "refused"] += 1;
    if (authentic) timed.push({ id, request, appraisal });
    if ((expect.authentic ?? authentic) === authentic && (expect.accept ?? accepted) === accepted) {
      total.agreeing += 1;
    } else {
      found.push(`${id}: authentic ${authentic}, accepted ${accepted} (${why}), expected ${JSON.stringify(expect)}`);
    }
  }
  if (total.accepted + total.refused < JUDGED_MIN[folder]) found.push(`${folder}: too few sets`);
  const { milliseconds, native, otherwise } = time(timed);
  console.log(
    `${TEES[folder].padEnd(8)}${total.sets} sets, ${total.accepted} accepted, ${total.refused} refused, ` +
      `${total.agreeing} agreeing, ${found.length} disagreeing, ${total.notJudged} not judged; ` +
      `${milliseconds.toFixed(2)} ms each` +
      (native ? `, native ${native.toFixed(2)} ms (${(milliseconds / native).toFixed(1)} times)` : ""),
  );
  return [...found, ...otherwise];
}

/** The request that a set makes, or why it makes none. */
function load(folder, set, expect) {
  const file = (name) => readFileSync(join(set, name));
  const has = (...names) => names.every((name) => existsSync(join(set, name)));
  const unstated = expect.at === null || (expect.authentic === null && expect.accept === null);
  if (unstated) return "it states no expectation";
  const common = { tee: TEES[folder], policy: "baseline", atMs: expect.at * 1000 };
  if (folder === "snp" && has("report.bin", "vcek.der", "ask.der", "ark.der")) {
    const [signer, intermediate, root] = ["vcek.der", "ask.der", "ark.der"].map(file);
    return { ...common, evidence: file("report.bin"), endorsements: amd({ signer, intermediate, root }) };
  }
  if ((folder === "tdx" || folder === "sgx") && has("quote.bin", "collateral.json")) {
    const collateral = file("collateral.json").toString();
    return { ...common, evidence: file("quote.bin"), endorsements: intel(collateral) };
  }
  if (expect.authentic === null && has("quote.dat")) {
    return { ...common, evidence: file("quote.dat"), endorsements: nitro() };
  }
  if (folder === "nitro" && has("attestation_doc.cbor")) {
    return { ...common, evidence: file("attestation_doc.cbor"), endorsements: nitro() };
  }
  return "it lacks endorsements";
}

function judge(request) {
  try {
    const appraisal = verifier.verify(request);
    const broken = appraisal.parts.flatMap((part) => part.checks).filter((check) => !check.passed);
    return {
      appraisal,
      authentic: appraisal.parts.every((part) => part.signatures_hold),
      accepted: appraisal.outcome.result === "trusted",
      why: broken.map((check) => JSON.stringify(check)).join("; "),
    };
  } catch (error) {
    // Endorsements so malformed that nothing is judged are a refusal as well.
    if (!(error instanceof BadRequest)) throw error;
    return { authentic: false, accepted: false, why: error.message };
  }
}

/** Times authentic evidence here and, if there is one, in the native build. */
function time(timed) {
  if (timed.length === 0) return { milliseconds: Number.NaN, otherwise: [] };
  for (const { request } of timed) verifier.verify(request);
  const begin = processorTime();
  for (let run = 0; run < TIMED_RUNS; run += 1) {
    for (const { request } of timed) verifier.verify(request);
  }
  const milliseconds = (processorTime() - begin) / (TIMED_RUNS * timed.length);
  if (!values.native) return { milliseconds, otherwise: [] };
  const hex = (part) => Buffer.from(part).toString("hex");
  const requests = timed.map(({ request }) =>
    JSON.stringify({ ...request, evidence: hex(request.evidence), endorsements: hex(request.endorsements) }),
  );
  const native = spawnSync(values.native, [String(TIMED_RUNS)], { input: requests.join("\n"), encoding: "utf8" });
  if (native.status !== 0) fail(`the native build failed: ${native.stderr}`);
  const answers = native.stdout.trim().split("\n").map((line) => JSON.parse(line));
  const otherwise = timed
    .filter(({ appraisal }, at) => JSON.stringify(appraisal) !== JSON.stringify(JSON.parse(answers[at].answer)))
    .map(({ id }) => `${id}: the native build answers otherwise`);
  const sum = answers.reduce((all, { milliseconds }) => all + milliseconds, 0);
  return { milliseconds, native: sum / timed.length, otherwise };
}

/** Milliseconds of this thread on a processor; of the wall where the system does not tell. */
function processorTime() {
  const told = "/proc/thread-self/schedstat";
  return existsSync(told) ? Number(readFileSync(told, "utf8").split(" ")[0]) / 1e6 : performance.now();
}

function fail(reason) {
  console.error(`error: ${reason}`);
  process.exit(2);
}
