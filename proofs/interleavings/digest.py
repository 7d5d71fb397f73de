"""What is kept of a large value: 128 bits, in which no two of a search are alike but by a chance of some 2 ** -80."""

import hashlib
import marshal
from typing import Any, Final

_WITHOUT_REFERENCES: Final = 2
"""A version of `marshal` whose output depends on nothing but the value."""


def digest(value: Any) -> bytes:
    """The digest of a value that is made of numbers, texts, bytes, tuples and lists."""
    return hashlib.blake2b(marshal.dumps(value, _WITHOUT_REFERENCES), digest_size=16).digest()
