# ruff: noqa: ANN001, ANN201, ANN202, ANN204
"""A tape: the whole of automatic differentiation over the reference, twice differentiable.

Every operation that runs is a step on a list. A backward pass walks the list from its end and, for
each step, turns cotangents of its outputs into cotangents of its inputs with the step's vjp:

    tape = Tape()
    w = Var(np.ones((2, 1)))
    y = tape.mean(tape.tanh(tape.matmul(x, w)))        # the functions of pygan.reference, by name
    (dw,) = tape.grad(y, [w])                          # dw.value is an array of w's shape

The backward pass runs through the same list: ``f_vjp`` is a function like ``f``, so it becomes a
step as well, and what it gives is a `Var` that can be differentiated again. The vjp of ``f`` is
``f_vjp``, the vjp of ``f_vjp`` is ``f_vjp2``, and there the reference ends:

    step of order    runs       on                    gives              its vjp
    0                f          x1, x2, ...           y                  f_vjp
    1                f_vjp      dy, x1, x2, ...       dx1, dx2, ...      f_vjp2
    2                f_vjp2     ddx..., dy, x1, ...   ddy, dx1, ...      none: use the engine

That is enough for a gradient penalty: examples/numpy_gan.py trains a GAN with one on this tape.
The engine (csrc/core/autograd.cpp) does the same with a graph in place of the list, so that what
nobody needs any more is freed, and with every vjp made of operations, so that no order is the last.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pygan.reference import lookup

__all__ = ["Step", "Tape", "Var"]


class Var:
    """An array in the computation. Two Vars are the same only if they are one object."""

    def __init__(self, value):
        self.value = np.asarray(value)


class Step(NamedTuple):
    """One function that ran: what it was, on which Vars, and the Vars that it made."""

    name: str
    order: int
    inputs: list[Var]
    hyper: dict
    outputs: list[Var]


class Tape:
    """The steps so far, oldest first. ``tape.f(*inputs, **hyper)`` runs f of the reference.

    Inputs are Vars or arrays, hyper-parameters go by keyword; f has one output, a float array.
    """

    def __init__(self):
        self.steps: list[Step] = []

    def __getattr__(self, name):
        try:
            lookup(name)
        except KeyError as error:
            raise AttributeError(str(error)) from None
        return lambda *inputs, **hyper: self._run(name, 0, inputs, hyper)[0]

    def _run(self, name, order, inputs, hyper):
        """Appends the step; its outputs."""
        f = lookup(name)[order]
        if f is None:
            raise TypeError(f"{name} has no derivative of order {order} in the reference")
        inputs = [x if isinstance(x, Var) else Var(x) for x in inputs]
        args = [x.value for x in inputs]
        if order == 2:  # f_vjp2(ddx, dy, *x) takes its ddx, as many as there are x, as one tuple
            n = len(args) // 2
            args = [tuple(args[:n]), *args[n:]]
        y = f(*args, **hyper)
        outputs = [Var(v) for v in (y if isinstance(y, tuple) else (y,))]
        if order == 0 and (len(outputs) > 1 or outputs[0].value.dtype.kind != "f"):
            raise TypeError(f"{name}: the tape takes functions of one float output")
        self.steps.append(Step(name, order, inputs, hyper, outputs))
        return outputs

    def grad(self, y, xs):
        """``dy / dx`` for each x, as Vars that can be differentiated once more; y is a scalar."""
        if y.value.size != 1:
            raise ValueError(f"grad: y has shape {y.value.shape}, it must be a scalar")
        cotangent = {y: Var(np.ones_like(y.value))}  # of every Var that y depends on, so far
        for step in reversed(self.steps.copy()):
            if not any(v in cotangent for v in step.outputs):
                continue  # y does not depend on this step
            if step.order == 2:
                raise NotImplementedError(
                    f"third derivative of {step.name}: the reference ends at the second, the "
                    "engine (pygan.grad) has every order"
                )
            dout = [
                cotangent[v] if v in cotangent else np.zeros_like(v.value) for v in step.outputs
            ]
            din = self._run(step.name, step.order + 1, [*dout, *step.inputs], step.hyper)
            for x, dx in zip(step.inputs, din, strict=True):  # several uses of x: their sum
                cotangent[x] = self.add(cotangent[x], dx) if x in cotangent else dx
        return [cotangent.get(x) or Var(np.zeros_like(x.value)) for x in xs]
