/** Random numbers, from a seed that is recorded, sealed, with the transaction. */

import * as host from "#host";

const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

export const random = {
  /** So many random bytes, at most 65,536. */
  bytes: (length) => Uint8Array.from(host.random.bytes(length)),

  /** A random whole number from 0 on, below `bound`, which is at most 2^48. */
  below(bound) {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 48) {
      throw new RangeError("a bound is a whole number from 1 to 2^48");
    }
    const whole = 2 ** 48 - (2 ** 48 % bound);
    for (;;) {
      const drawn = random.bytes(6).reduce((number, byte) => number * 256 + byte, 0);
      if (drawn < whole) {
        return drawn % bound;
      }
    }
  },

  /** A random name of 22 letters, digits, `-` and `_`: 132 bits, to name rows with. */
  name: () => Array.from(random.bytes(22), (byte) => LETTERS[byte & 63]).join(""),
};
