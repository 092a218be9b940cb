"""Random numbers, from a seed that is recorded, sealed, with the transaction.

Python's own `random` would begin alike in each call, so in a component its functions refuse to work.
"""

from __future__ import annotations

import base64
from builtins import bytes as _bytes

from . import host


def bytes(length: int) -> _bytes:
    """So many random bytes, at most 65,536."""
    return host.random.bytes(length)


def below(bound: int) -> int:
    """A random whole number from 0 on, below `bound`."""
    if bound < 1:
        raise ValueError("a bound is at least 1")
    bits = (bound - 1).bit_length()
    length = (bits + 7) // 8
    while True:
        drawn = int.from_bytes(bytes(length), "big") >> (length * 8 - bits)
        if drawn < bound:
            return drawn


def name() -> str:
    """A random name of 22 letters, digits, `-` and `_`: 128 bits, to name rows with."""
    return base64.urlsafe_b64encode(bytes(16)).decode().rstrip("=")
