"""Hashes of long texts, the same in Python and in the native library.

FNV-1a with 64 bits (draft-eastlake-fnv): a few lines in either language, no import, and one aligned
word in the port map, so that a guest reads an owner in one load. It does not protect against an
attacker, but the only person who could choose the texts is the user whose ports these are.
"""

from __future__ import annotations

from functools import lru_cache

_OFFSET = 0xCBF29CE484222325
_PRIME = 0x100000001B3
_MASK = 0xFFFFFFFFFFFFFFFF


def fnv1a64(data: bytes) -> int:
    """Hash `data` to an unsigned 64-bit number."""
    value = _OFFSET
    for byte in data:
        value = ((value ^ byte) * _PRIME) & _MASK
    return value


@lru_cache(maxsize=4096)  # one question names its owner a dozen times, and a byte costs 0.1 µs
def owner_key(*, project: str | None, instance_id: str) -> int:
    """Return the key of a lease's owner: the project, or the instance if no project is known.

    Never 0, which means "nobody" in the port map.
    """
    text = f"project:{project}" if project else f"instance:{instance_id}"
    return fnv1a64(text.encode("utf-8", "surrogateescape")) or 1
