/**
 * Writes `types/wit.d.ts` from the WIT, as the engine of components has its types; `--check` only tells whether it is
 * so already, and whether the copy of the WIT is the original.
 *
 * It reads the part of WIT that `app.wit` uses: records, enums and functions. Whatever else stands there is an error.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const file = (path) => fileURLToPath(new URL(path, import.meta.url));
const [ORIGINAL, COPY, TYPES] = ["../../../wit/app.wit", "../wit/app.wit", "../types/wit.d.ts"].map(file);

const camel = (name) => name.replace("%", "").replace(/-([a-z])/g, (_, letter) => letter.toUpperCase());
const pascal = (name) => camel(name).replace(/^[a-z]/, (letter) => letter.toUpperCase());

const SIMPLE = { string: "string", bool: "boolean", u8: "number", u16: "number", u32: "number", u64: "number", _: "void" };

/** A type, as TypeScript has it. */
function typeOf(text) {
  const [, outer, inner] = /^([a-z]+)<(.*)>$/.exec(text) ?? [];
  switch (outer) {
    case "list":
      return inner === "u8" ? "Uint8Array" : `${typeOf(inner)}[]`;
    case "option":
      return `${typeOf(inner)} | null`;
    case "tuple":
      return `[${inner.split(", ").map(typeOf).join(", ")}]`;
    case "result":
      return typeOf(inner.split(", ")[0]);
    default:
      return SIMPLE[text] ?? pascal(text);
  }
}

/** `a: t, b: list<u8>` as pairs. */
function pairs(text) {
  return text
    .split(/,(?![^<]*>)/)
    .map((pair) => pair.trim())
    .filter((pair) => pair !== "")
    .map((pair) => pair.split(/: (.*)/s));
}

function declaration(line) {
  const [, name, parameters, result] = /^(\S+): func\((.*)\)(?: -> (.*))?;$/.exec(line) ?? [];
  if (name === undefined) {
    throw new Error(`not understood: ${line}`);
  }
  const typed = pairs(parameters).map(([own, type]) => `${camel(own)}: ${typeOf(type)}`);
  return `${camel(name)}(${typed.join(", ")}): ${typeOf(result ?? "_")};`;
}

function comment(docs) {
  const lines = docs.map((doc) => ` * ${doc}`.trimEnd());
  return docs.length < 2 ? docs.map((doc) => `/** ${doc} */`) : ["/**", ...lines, " */"];
}

/** Each interface: its types at the top, its functions as members. */
function types(wit) {
  const out = ["/** What the host offers a component. Made from `wit/app.wit` by `npm run types`; not to be edited. */", ""];
  let [docs, own, members, block] = [[], [], [], undefined];
  const documented = (indent, lines) => [...comment(docs.splice(0)).map((doc) => `${indent}${doc}`), ...lines];
  for (const raw of wit.split("\n")) {
    const line = raw.trim();
    const [, kind, name] = /^(interface|world|record|enum) (\S+) \{$/.exec(line) ?? [];
    if (block === "world") {
      block = line === "}" ? undefined : block;
    } else if (line.startsWith("///")) {
      docs.push(line.slice(3).trim());
    } else if (kind === "world" || line.startsWith("package ")) {
      docs = [];
      block = kind;
    } else if (kind === "interface") {
      [block, own, members] = [name, documented("", [`export interface ${pascal(name)}Interface {`]), []];
    } else if (kind !== undefined) {
      out.push(...documented("", [kind === "enum" ? `export type ${pascal(name)} =` : `export interface ${pascal(name)} {`]));
      members.kind = kind;
    } else if (line === "}" && members.kind !== undefined) {
      out.push(members.kind === "enum" ? "  ;" : "}", "");
      members.kind = undefined;
    } else if (line === "}") {
      out.push(...(members.length === 0 ? [] : [...own, ...members, "}", ""]));
      block = undefined;
    } else if (members.kind === "enum") {
      out.push(...documented("  ", [`  | "${line.replace(",", "")}"`]));
    } else if (members.kind === "record") {
      const [field, type] = pairs(line)[0];
      out.push(...documented("  ", [`  ${camel(field)}: ${typeOf(type)};`]));
    } else if (line !== "" && !line.startsWith("use ")) {
      members.push(...documented("  ", [`  ${declaration(line)}`]));
    }
  }
  return `${out.join("\n").trimEnd()}\n`;
}

const original = existsSync(ORIGINAL) ? readFileSync(ORIGINAL, "utf8") : readFileSync(COPY, "utf8");
const made = types(original);
if (process.argv.includes("--check")) {
  if (readFileSync(TYPES, "utf8") !== made || readFileSync(COPY, "utf8") !== original) {
    console.error("error: `types/wit.d.ts` or `wit/app.wit` is not what the WIT gives\nhint: `npm run types`");
    process.exitCode = 1;
  }
} else {
  writeFileSync(TYPES, made);
  writeFileSync(COPY, original);
}
