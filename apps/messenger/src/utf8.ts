/**
 * Text as UTF-8 and back, for an engine that has no `TextEncoder`.
 *
 * Only JSON is encoded here, which never holds half a surrogate pair.
 */

const NOT_ASCII = /[^\x00-\x7f]/;
/** Characters that are put together at once: the engine bounds the number of arguments. */
const CHUNK = 4096;

/** The bytes of a text, one character for each. */
function bytesAsText(text: string): string {
  return NOT_ASCII.test(text) ? unescape(encodeURIComponent(text)) : text;
}

/** The length in UTF-8, in bytes. */
export function utf8Length(text: string): number {
  return bytesAsText(text).length;
}

/** The text in UTF-8, filled up with spaces to `lengthMin` bytes. */
export function encode(text: string, lengthMin = 0): Uint8Array {
  const units = bytesAsText(text);
  const bytes = new Uint8Array(Math.max(units.length, lengthMin));
  for (let at = 0; at < units.length; at += 1) {
    bytes[at] = units.charCodeAt(at);
  }
  return bytes.fill(0x20, units.length);
}

/** The text that the bytes are in UTF-8; throws `URIError` if they are none. */
export function decode(bytes: Uint8Array): string {
  let units = "";
  for (let at = 0; at < bytes.length; at += CHUNK) {
    units += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return NOT_ASCII.test(units) ? decodeURIComponent(escape(units)) : units;
}
