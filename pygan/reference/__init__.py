"""Every operation in plain NumPy: read this first.

The rooms are those of the engine (``pygan.reference.conv2d`` beside ``csrc/ops/conv2d/``), and each
op ``f`` is up to three functions of a few lines, the formula in the first one's docstring:

``f(*inputs, **hyper) -> y``
    the value;
``f_vjp(dy, *inputs, **hyper) -> (dx1, dx2, ...)``
    first order: ``dx_i = d<y, dy> / dx_i``, the cotangents of the inputs, given y's;
``f_vjp2(ddx, dy, *inputs, **hyper) -> (ddy, dx1, dx2, ...)``
    second order: the gradients of ``L = sum_i <f_vjp(dy, *inputs)_i, ddx_i>`` with respect to dy
    and each input. ``ddx`` is a tuple, one cotangent an input. (An op of several outputs has a
    tuple for dy too; integer inputs have no cotangents.)

That is all a double backward is: the first backward is itself a function, and gets a vjp. Where f
is linear, L is linear in dy and does not depend on x: ddy = f(ddx), dx = 0. Where f is bilinear
(matmul, convolutions), ``ddy = f(ddx, w) + f(x, ddw)``, and dx, dw are f's own vjp with one factor
replaced. Where no short formula is at hand, forward mode gives it (`pygan.reference.dual`). Nothing
here is needed for order three and up: in the engine a vjp is made of operations, so its derivatives
come free.

`pygan.reference.tape` puts these functions on a tape of about a hundred lines: backpropagation, and
a double backward by exactly the step above. examples/numpy_gan.py trains a GAN on it.

Names: ``dy`` is a cotangent, ``ddx`` the cotangent of a dx. Arithmetic stays in the dtype of the
inputs (float64 in, float64 out: that is what tests call the truth). Images are (N, H, W, C). At
kinks: relu's mask is x > 0, ties of max go to the first, norm'(0) = 0. NaN passes through.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from pygan.reference import (
    batch_norm,
    conv2d,
    elementwise,
    functions,
    gradient_penalty,
    group_norm,
    index,
    leaky_relu,
    logistic_loss,
    losses,
    matmul,
    pad,
    pixel_shuffle,
    pool,
    random,
    reduce,
    resample,
    scan,
    select,
    shape,
    softmax,
    sort,
    virtual_batch_norm,
)

__all__ = [
    "ROOMS",
    "Reference",
    "batch_norm",
    "conv2d",
    "elementwise",
    "functions",
    "gradient_penalty",
    "group_norm",
    "index",
    "leaky_relu",
    "logistic_loss",
    "lookup",
    "losses",
    "matmul",
    "pad",
    "pixel_shuffle",
    "pool",
    "random",
    "reduce",
    "resample",
    "scan",
    "select",
    "shape",
    "softmax",
    "sort",
    "virtual_batch_norm",
]

ROOMS = (
    elementwise,
    functions,
    select,
    leaky_relu,
    logistic_loss,
    reduce,
    shape,
    index,
    scan,
    sort,
    matmul,
    conv2d,
    pad,
    pool,
    resample,
    pixel_shuffle,
    batch_norm,
    group_norm,
    virtual_batch_norm,
    losses,
    softmax,
    gradient_penalty,
    random,
)


class Reference(NamedTuple):
    """One op: its value, and its first and second order where it has them."""

    forward: Callable
    vjp: Callable | None
    vjp2: Callable | None


def lookup(name: str) -> Reference:
    """The three functions of op ``name``; KeyError where no room has it."""
    for room in ROOMS:
        if name in room.__all__:
            derivatives = (getattr(room, name + order, None) for order in ("_vjp", "_vjp2"))
            return Reference(getattr(room, name), *derivatives)
    raise KeyError(f"no reference for {name!r}")
