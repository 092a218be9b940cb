/** UTF-8, which the engine of components has no encoder for. */

const REPLACEMENT = 0xfffd;

/** Text as bytes; half a pair of surrogates becomes U+FFFD. */
export function encodeUtf8(text) {
  const bytes = new Uint8Array(text.length * 3);
  let at = 0;
  for (let index = 0; index < text.length; index += 1) {
    let code = text.charCodeAt(index);
    if (code < 0x80) {
      bytes[at++] = code;
      continue;
    }
    if (code >= 0xd800 && code < 0xe000) {
      code = pair(code, text.charCodeAt(index + 1));
      index += code > 0xffff ? 1 : 0;
    }
    at = encodeLong(code, bytes, at);
  }
  return bytes.slice(0, at);
}

function pair(high, low) {
  const whole = high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
  return whole ? 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00) : REPLACEMENT;
}

function encodeLong(code, bytes, at) {
  if (code < 0x800) {
    bytes[at++] = 0xc0 | (code >> 6);
  } else {
    if (code < 0x10000) {
      bytes[at++] = 0xe0 | (code >> 12);
    } else {
      bytes[at++] = 0xf0 | (code >> 18);
      bytes[at++] = 0x80 | ((code >> 12) & 0x3f);
    }
    bytes[at++] = 0x80 | ((code >> 6) & 0x3f);
  }
  bytes[at++] = 0x80 | (code & 0x3f);
  return at;
}

/** Bytes as text; `undefined` if they are not UTF-8. */
export function decodeUtf8(bytes) {
  const parts = [];
  let codes = [];
  for (let at = 0; at < bytes.length; ) {
    const length = lengthOf(bytes[at]);
    const code = length === 1 ? bytes[at] : decodeLong(bytes, at, length);
    if (code === undefined) {
      return undefined;
    }
    codes.push(code);
    at += length;
    if (codes.length === 4096) {
      parts.push(String.fromCodePoint(...codes));
      codes = [];
    }
  }
  return parts.join("") + String.fromCodePoint(...codes);
}

function lengthOf(first) {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** The least code of each length: what is written longer than it need be is refused. */
const LEAST = [0, 0, 0x80, 0x800, 0x10000];

function decodeLong(bytes, at, length) {
  const first = bytes[at];
  if (first < 0xc2 || first > 0xf4 || at + length > bytes.length) {
    return undefined;
  }
  let code = first & (0x7f >> length);
  for (let next = at + 1; next < at + length; next += 1) {
    if ((bytes[next] & 0xc0) !== 0x80) {
      return undefined;
    }
    code = (code << 6) | (bytes[next] & 0x3f);
  }
  const surrogate = code >= 0xd800 && code < 0xe000;
  return code < LEAST[length] || code > 0x10ffff || surrogate ? undefined : code;
}
