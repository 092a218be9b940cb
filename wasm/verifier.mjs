// The verifier for Node, browsers and workers. It fetches nothing: the caller hands it the module's
// bytes, the evidence, the vendor's endorsements and the time.
//
//   const verifier = await Verifier.load(moduleBytes);
//   const appraisal = verifier.verify({
//     evidence: quote, endorsements: intel(collateralJson), policy: "production",
//     nonce, atMs: Date.now(),
//   });
//   if (appraisal.outcome.result === "trusted") …
//
// An appraisal tells who verified something; it is no proof for anybody else.

const PARTS = ["evidence", "endorsements", "policy", "tee", "reportData", "nonce", "against"];
const SEV_SNP = 1;

/** The request cannot be answered; nothing was judged. */
export class BadRequest extends Error {
  constructor({ part, reason }) {
    super(`${part}: ${reason}`);
    this.name = "BadRequest";
    this.part = part;
  }
}

/** Intel's collateral in JSON, as text or as an object, for SGX and TDX. */
export function intel(collateral) {
  return bytes(typeof collateral === "string" ? collateral : JSON.stringify(collateral));
}

/** AMD's certificates and, if at hand, the revocation list, each in DER. */
export function amd({ signer, intermediate, root, crl }) {
  const parts = [signer, intermediate, root, crl].map((der) => (der ? byteString(der) : [[0xf6]]));
  return concat([[0x85, SEV_SNP], ...parts.flat()]);
}

/** Nitro's documents hold their chain. */
export function nitro() {
  return new Uint8Array();
}

export class Verifier {
  #module;
  #exports;

  /** Compiles the module. Node and browsers keep it compiled. */
  static async load(moduleBytes) {
    const verifier = new Verifier();
    verifier.#module = await WebAssembly.compile(moduleBytes);
    return verifier;
  }

  /**
   * Appraises evidence as of `atMs` (Unix milliseconds). `policy` is the name of a built-in policy
   * or TOML; `reportData` or `nonce` is what the evidence must bind; `tee` is what it must be of;
   * `against` names policies to compare with. Throws `BadRequest`.
   */
  verify({ atMs, against = [], ...request }) {
    const now = BigInt(atMs);
    this.#exports ??= new WebAssembly.Instance(this.#module, {}).exports;
    try {
      PARTS.forEach((name, number) => {
        const part = name === "against" ? against.join("\n") : request[name];
        if (part?.length) this.#write(number, name, bytes(part));
      });
      const answer = JSON.parse(this.#read(this.#exports.judge(now)));
      if (answer.error) throw new BadRequest(answer.error);
      return answer;
    } catch (error) {
      // Whatever stopped half-way, nothing of it reaches the next request.
      this.#exports = undefined;
      throw error;
    }
  }

  #write(number, name, part) {
    const address = this.#exports.input(number, part.length);
    if (address === 0) throw new BadRequest({ part: name, reason: "too long" });
    new Uint8Array(this.#exports.memory.buffer, address, part.length).set(part);
  }

  #read(length) {
    const answer = new Uint8Array(this.#exports.memory.buffer, this.#exports.answer(), length);
    return new TextDecoder().decode(answer);
  }
}

function bytes(part) {
  return typeof part === "string" ? new TextEncoder().encode(part) : part;
}

/** A CBOR byte string in its shortest form (RFC 8949 §4.2.1). */
function byteString(content) {
  const length = content.length;
  if (length < 24) return [[0x40 | length], content];
  if (length < 0x100) return [[0x58, length], content];
  if (length < 0x10000) return [[0x59, length >> 8, length & 0xff], content];
  return [[0x5a, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff], content];
}

function concat(parts) {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  parts.reduce((at, part) => (whole.set(part, at), at + part.length), 0);
  return whole;
}
