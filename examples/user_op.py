"""An operation of your own: kernels in NumPy or numba, derivatives in pygan.ops.

    python examples/user_op.py

Swish (Ramachandran et al. 2017): y = x s, s = sigmoid(beta x), with dy/dx = s + beta y (1 - s).
"""

from __future__ import annotations

import numpy as np

import pygan as pg
from pygan.testing import check_op

try:
    from numba import njit
except ImportError:  # pip install 'pygan[numba]'
    njit = None


@pg.register_op
class Swish(pg.Op):
    """The kernel in NumPy. The vjp is made of operations, so every order of derivative is there."""

    name = "swish"
    per_sample = True
    beta: float = 1.0

    def forward(self, x: np.ndarray) -> np.ndarray:
        return x / (1 + np.exp(-self.beta * x))

    def vjp(self, inputs: tuple, outputs: tuple, cotangents: tuple) -> pg.Tensor:
        (x,), (dy,) = inputs, cotangents
        return SwishGrad(beta=self.beta)(dy, x)


@pg.register_op
class SwishGrad(pg.Op):
    """The backward pass, a kernel as well; its own vjp in ops gives the second order and all above.

    g = dy f'(x), so ddy = f'(x) dg and dx = f''(x) dy dg, with
    f' = s + beta x s (1 - s) and f'' = beta s (1 - s) (2 + beta x (1 - 2 s)).
    """

    name = "swish_grad"
    per_sample = True
    beta: float = 1.0
    save_outputs = False  # the vjp reads the inputs alone

    def forward(self, dy: np.ndarray, x: np.ndarray) -> np.ndarray:
        s = 1 / (1 + np.exp(-self.beta * x))
        return dy * (s + self.beta * x * s * (1 - s))

    def vjp(self, inputs: tuple, outputs: tuple, cotangents: tuple) -> tuple:
        (dy, x), (dg,) = inputs, cotangents
        s = pg.ops.sigmoid(x * self.beta)
        rest = 1.0 - s
        first = s + self.beta * x * s * rest
        second = self.beta * s * rest * (2.0 + self.beta * x * (rest - s))
        return first * dg, second * dy * dg


if njit is not None:

    @njit
    def _swish(x: np.ndarray, beta: float) -> np.ndarray:
        y = np.empty_like(x)
        for i in range(x.size):
            y.flat[i] = x.flat[i] / (1 + np.exp(-beta * x.flat[i]))
        return y

    @pg.register_op
    class NumbaSwish(Swish):
        """The same operation with its forward kernel compiled by numba."""

        name = "numba_swish"

        def forward(self, x: np.ndarray) -> np.ndarray:
            return _swish(x, x.dtype.type(self.beta))


def main() -> None:
    x = np.random.default_rng(0).normal(size=(4, 3))
    ops = [Swish(beta=1.5)] + ([NumbaSwish(beta=1.5)] if njit else [])
    for op in ops:
        check_op(op, [x])
        print(f"{op.name}: value, vjp to second order and jvp are right")

    # In a critic: hidden layer, Swish, output; its gradient penalty needs the second order.
    hidden, out, swish = pg.nn.Linear(3, 8), pg.nn.Linear(8, 1), Swish(beta=1.5)
    real, fake = pg.tensor(x, "float32"), pg.tensor(-x, "float32")
    p = pg.ops.gradient_penalty(lambda z: out(swish(hidden(z))), real, fake, alpha=np.full(4, 0.5))
    p.backward()
    print(f"gradient penalty through it: {p.item():.4f}")


if __name__ == "__main__":
    main()
