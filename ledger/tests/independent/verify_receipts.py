#!/usr/bin/env python3
"""Verifies Synod's receipts with a COSE-receipts library that is not ours.

Usage: verify_receipts.py DIR        (needs `pip install scitt-cose==0.5.0`)

DIR/keys.txt      a line `kid-hex public-key-hex` for each signer (Ed25519)
DIR/<tx>/leaf.bin the leaf data, which is the entry of the RFC 9162 tree
DIR/<tx>/<kid>.cose  a COSE receipt (RFC 9942, RFC9162_SHA256) by that signer

Each receipt must verify. Then one byte of the leaf, of each sibling's and the
protected header's area and of the signature is flipped in turn, another key is
given, and each of these must be refused. Exit code 0 only if all of that holds.
"""

import hashlib
import pathlib
import sys

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from scitt_cose import verify_receipt

FLIP_STEP = 7


def pem(public_key: bytes) -> bytes:
    key = ed25519.Ed25519PublicKey.from_public_bytes(public_key)
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def read_keys(path: pathlib.Path) -> dict[str, bytes]:
    keys = {}
    for line in path.read_text().splitlines():
        kid, public_key = line.split()
        if hashlib.sha256(bytes.fromhex(public_key)).hexdigest() != kid:
            raise SystemExit(f"{path}: kid {kid} is not the digest of its key")
        keys[kid] = pem(bytes.fromhex(public_key))
    return keys


def holds(receipt: bytes, leaf: bytes, key: bytes):
    return verify_receipt(receipt, leaf_entry_hex=leaf.hex(), log_public_key_pem=key)


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def check(path: pathlib.Path, leaf: bytes, keys: dict[str, bytes]) -> tuple[str, int]:
    """Returns the root that the receipt proves and how many forgeries were refused."""
    receipt, kid = path.read_bytes(), path.stem
    result = holds(receipt, leaf, keys[kid])
    if not result.ok:
        raise SystemExit(f"{path}: refused: {result.errors}")
    if result.protected_header_ext[4].hex() != kid:
        raise SystemExit(f"{path}: the receipt names another key")
    forgeries = [(receipt, flipped(leaf, at), keys[kid]) for at in range(0, len(leaf), FLIP_STEP)]
    places = list(range(0, len(receipt), FLIP_STEP)) + [len(receipt) - 1]
    forgeries += [(flipped(receipt, at), leaf, keys[kid]) for at in places]
    forgeries += [(receipt, leaf, key) for other, key in keys.items() if other != kid]
    for number, forgery in enumerate(forgeries):
        if holds(*forgery).ok:
            raise SystemExit(f"{path}: forgery {number} was accepted")
    return result.root, len(forgeries)


def main() -> None:
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    base = pathlib.Path(sys.argv[1])
    keys = read_keys(base / "keys.txt")
    verified = refused = 0
    for leaf_path in sorted(base.glob("*/leaf.bin")):
        leaf = leaf_path.read_bytes()
        paths = sorted(leaf_path.parent.glob("*.cose"))
        results = [check(path, leaf, keys) for path in paths]
        if len({root for root, _ in results}) != 1:
            raise SystemExit(f"{leaf_path.parent}: no receipts, or of different roots")
        verified += len(results)
        refused += sum(count for _, count in results)
    if verified == 0:
        raise SystemExit(f"{base}: no receipts found")
    print(f"{verified} receipts verified, {refused} forgeries refused")


if __name__ == "__main__":
    main()
