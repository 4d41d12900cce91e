"""Checks for operations: pygan's own tests are made of these, and yours can be.

``check_grads(f, inputs, order=2)``
    differences the engine's own gradients of any function of tensors, in float64;
``check_op(op, inputs)``
    all that an operation promises, a user's own or any function: value, vjp to second order, jvp;
``assert_close(actual, expected, same_precision, scale)``
    the tolerance of a kernel: twice NumPy's error in the same precision, plus four roundings;
``pygan.testing.strategies``
    hypothesis strategies for shapes, arrays and convolutions (imports hypothesis).
"""

from __future__ import annotations

from pygan.testing.close import assert_close, error_ratio, magnitude_scale, perturbation_scale
from pygan.testing.grads import check_grads
from pygan.testing.ops import check_op

__all__ = [
    "assert_close",
    "check_grads",
    "check_op",
    "error_ratio",
    "magnitude_scale",
    "perturbation_scale",
]
