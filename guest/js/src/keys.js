/**
 * Keys as bytes whose order is that of the keys, the same as in the other guest libraries: text is its UTF-8, numbers
 * are big-endian, a tuple is its parts, of which text (but the last) ends with `00 00` and has `00 ff` for a zero byte.
 */

import { decodeUtf8, encodeUtf8 } from "./utf8.js";

const text = {
  write: (key, last) => (last ? encodeUtf8(key) : ended(encodeUtf8(key))),
  read(bytes, at, last) {
    const [part, next] = last ? [bytes.slice(at), bytes.length] : readEnded(bytes, at);
    const read = decodeUtf8(part);
    if (read === undefined) {
      throw new Error("a key is not UTF-8");
    }
    return [read, next];
  },
  start: (prefix) => encodeUtf8(prefix),
};

const bytes = {
  write: (key, last) => (last ? Uint8Array.from(key) : ended(key)),
  read: (whole, at, last) => (last ? [whole.slice(at), whole.length] : readEnded(whole, at)),
  start: (prefix) => Uint8Array.from(prefix),
};

/** Whole numbers from 0 to 2^53 - 1, as eight bytes. */
const number = {
  write(key) {
    if (!Number.isSafeInteger(key) || key < 0) {
      throw new RangeError("a number in a key is whole, and from 0 to 2^53 - 1");
    }
    const written = new DataView(new ArrayBuffer(8));
    written.setBigUint64(0, BigInt(key));
    return new Uint8Array(written.buffer);
  },
  read(whole, at) {
    if (at + 8 > whole.length) {
      throw new Error("a key is too short for a number");
    }
    const view = new DataView(whole.buffer, whole.byteOffset + at, 8);
    return [Number(view.getBigUint64(0)), at + 8];
  },
};

/** The same in the other order: the greatest comes first. */
const descending = {
  write: (key) => number.write(key).map((byte) => ~byte),
  read(whole, at) {
    const [read] = number.read(whole.slice(at, at + 8).map((byte) => ~byte), 0);
    return [read, at + 8];
  },
};

function tuple(...parts) {
  const write = (key, last) =>
    joined(key.map((value, index) => parts[index].write(value, last && index === parts.length - 1)));
  return {
    write(key, last) {
      if (key.length !== parts.length) {
        throw new RangeError(`a key has ${parts.length} parts`);
      }
      return write(key, last);
    },
    read(whole, at, last) {
      const key = [];
      let next = at;
      parts.forEach((part, index) => {
        const [value, after] = part.read(whole, next, last && index === parts.length - 1);
        key.push(value);
        next = after;
      });
      return [key, next];
    },
    start: (prefix) => write(prefix, false),
  };
}

export const keys = { text, bytes, number, descending, tuple };

function ended(part) {
  const out = [];
  for (const byte of part) {
    out.push(byte);
    if (byte === 0) {
      out.push(0xff);
    }
  }
  out.push(0, 0);
  return Uint8Array.from(out);
}

function readEnded(whole, at) {
  const part = [];
  for (let next = at; next < whole.length; next += 1) {
    if (whole[next] === 0) {
      next += 1;
      if (whole[next] === 0) {
        return [Uint8Array.from(part), next + 1];
      }
      if (whole[next] !== 0xff) {
        break;
      }
      part.push(0);
    } else {
      part.push(whole[next]);
    }
  }
  throw new Error("a key's text does not end");
}

function joined(parts) {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
