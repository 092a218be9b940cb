// Looks for texts in every byte below a folder: as they are, in UTF-16, in hexadecimal, and in base64 at any offset.

import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";

/** The shortest text that is looked for: shorter ones stand anywhere by chance, above all in base64. */
const TEXT_MIN = 8;

/** The forms of a text: names of forms with their bytes. */
export function forms(text) {
  const bytes = Buffer.from(text, "utf8");
  if (bytes.length < TEXT_MIN) {
    throw new Error(`${text} is too short to look for`);
  }
  const base64 = [0, 1, 2].flatMap((offset) =>
    ["base64", "base64url"].map((form) => [`${form} at ${offset}`, inBase64(bytes, offset, form)]),
  );
  return [
    ["UTF-8", bytes],
    ["UTF-16", Buffer.from(text, "utf16le")],
    ["hexadecimal", Buffer.from(bytes.toString("hex"))],
    ["capital hexadecimal", Buffer.from(bytes.toString("hex").toUpperCase())],
    ...base64,
  ];
}

/** The characters that depend on these bytes alone where they begin at `offset` of a group of three. */
function inBase64(bytes, offset, form) {
  const text = Buffer.concat([Buffer.alloc(offset), bytes]).toString(form);
  const first = Math.ceil((offset * 8) / 6);
  const end = Math.floor(((offset + bytes.length) * 8) / 6);
  return Buffer.from(text.slice(first, end));
}

/** Where the texts stand below the folder, in whatever form, and how much was looked at. */
export function search(folder, texts) {
  const wanted = texts.flatMap((text) => forms(text).map(([form, bytes]) => ({ text, form, bytes })));
  const found = { files: 0, bytes: 0, hits: [] };
  for (const file of filesOf(folder)) {
    const bytes = readFileSync(file);
    found.files += 1;
    found.bytes += bytes.length;
    const hits = wanted.filter((one) => bytes.includes(one.bytes));
    found.hits.push(...hits.map(({ text, form }) => ({ file, text, form })));
  }
  return found;
}

function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? filesOf(path) : entry.isFile() ? [path] : [];
  });
}
