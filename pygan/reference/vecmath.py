"""float32 log and cos(2 pi x), to be replaced by csrc/core/vecmath.h's polynomials, step by step."""

from __future__ import annotations

import numpy as np


def log(x: np.ndarray) -> np.ndarray:
    return np.log(x)


def cos_2pi(x: np.ndarray) -> np.ndarray:
    return np.cos(2 * np.pi * x.astype(np.float64)).astype(np.float32)
