"""The classifier of the embedded images that comes with pygan, and what is asked of a classifier.

tools/train_classifier.py made it, with pygan alone, from the embedded training images.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pygan.errors import DataError, DTypeError, ShapeError
from pygan.metrics.features import FeatureNetwork

__all__ = ["accuracy", "calibration_error", "class_histogram", "embedded_classifier"]

PATH = Path(__file__).with_name("fashion_classifier.safetensors")
SHA256 = "fe92a3199e860aee9d7a4ead5d25a7c350a41488bbea183ba043aa5764400524"

Array = NDArray[Any]


def embedded_classifier() -> FeatureNetwork:
    """The network that scores of the embedded images are taken with: 64 features, ten classes.

    Raises:
        DataError: its file is missing or damaged.
    """
    import hashlib

    try:
        content = PATH.read_bytes()
    except OSError as error:
        raise DataError(
            f"cannot read the classifier {PATH}: {error.strerror}; reinstall pygan"
        ) from None
    if hashlib.sha256(content).hexdigest() != SHA256:
        raise DataError(f"the classifier {PATH} is damaged (wrong sha256); reinstall pygan")
    return FeatureNetwork.decode(content)


def class_histogram(logits: Array) -> list[float]:
    """The share of each class among the predictions ``argmax``: K numbers that sum to 1.

    Args:
        logits: floats ``(N, K)``, N at least 1.

    Raises:
        ShapeError, DTypeError: other arrays.
    """
    logits = _checked(logits)
    counts = np.bincount(logits.argmax(axis=1), minlength=logits.shape[1])
    return [int(n) / len(logits) for n in counts]


def accuracy(logits: Array, labels: Array) -> float:
    """The share of rows whose largest logit is the label's: 1 is perfect.

    Args:
        logits: floats ``(N, K)``. labels: integers ``(N,)`` in 0..K-1.

    Raises:
        ShapeError, DTypeError: other arrays.
    """
    logits = _checked(logits, labels)
    return float(np.mean(logits.argmax(axis=1) == labels))


def calibration_error(logits: Array, labels: Array, bins: int = 15) -> float:
    """Expected calibration error: how far confidence is from accuracy; 0 is perfect.

    ::

        ECE = sum_m |B_m| / N |accuracy(B_m) - mean confidence(B_m)|

    The confidence is the largest softmax probability, B_m holds the rows whose confidence lies in
    ((m - 1)/M, m/M].

    Args:
        logits: floats ``(N, K)``. labels: integers ``(N,)`` in 0..K-1. bins: M.

    Raises:
        ShapeError, DTypeError: other arrays.

    Source: Guo, Pleiss, Sun and Weinberger 2017, "On Calibration of Modern Neural Networks", eq. 3.
    """
    logits = _checked(logits, labels).astype(np.float64)
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = odds.max(axis=1) / odds.sum(axis=1)
    right = logits.argmax(axis=1) == labels
    number = np.clip(np.ceil(confidence * bins).astype(np.int64) - 1, 0, bins - 1)
    gaps = np.bincount(number, weights=right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(logits))


def _checked(logits: Array, labels: Array | None = None) -> Array:
    logits = np.asarray(logits)
    if logits.dtype not in (np.float32, np.float64):
        raise DTypeError(f"logits must be float32 or float64, got {logits.dtype}")
    if logits.ndim != 2 or 0 in logits.shape:
        raise ShapeError(f"logits must be (N, K) and not empty, got {logits.shape}")
    if labels is not None and np.shape(labels) != logits.shape[:1]:
        raise ShapeError(f"labels must be ({len(logits)},), got {np.shape(labels)}")
    return logits
