"""The NumPy reference by itself: published test vectors, and its own finite differences."""

from __future__ import annotations

import numpy as np
import pytest

from pygan.reference import random

# Random123 1.14, tests/kat_vectors: philox4x32 10 rounds; counter, key, words.
PHILOX = [
    ("00000000 00000000 00000000 00000000", "00000000 00000000",
     "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
    ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
     "408f276d 41c83b0e a20bc7c6 6d5451fd"),
    ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
     "d16cfe09 94fdcceb 5001e420 24126ea1"),
]  # fmt: skip


def _hex(text: str) -> np.ndarray:
    return np.array([int(word, 16) for word in text.split()], np.uint32)


@pytest.mark.parametrize(("counter", "key", "expected"), PHILOX)
def test_philox_known_answers(counter: str, key: str, expected: str) -> None:
    np.testing.assert_array_equal(random.philox4x32(_hex(counter), _hex(key)), _hex(expected))
