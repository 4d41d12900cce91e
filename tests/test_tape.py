"""The reference's tape: its gradients are the engine's, first and second order."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import pygan as pg
from pygan.reference import tape as tape_module
from pygan.reference.tape import Tape, Var

EXAMPLE = runpy.run_path(str(Path(__file__).parent.parent / "examples" / "numpy_gan.py"))
rng = np.random.default_rng(0)


def close(a: Var, b: pg.Tensor) -> None:
    np.testing.assert_allclose(a.value, b.numpy(), rtol=1e-11, atol=1e-13)


def test_first_and_second_order_of_a_network_are_the_engines() -> None:
    x, w, b = rng.standard_normal((5, 3)), rng.standard_normal((3, 4)), rng.standard_normal(4)

    def loss(t: Tape | object, x: object, w: object, b: object, grad: Callable) -> object:
        h = t.softplus(t.add(t.matmul(x, w), b))
        y = t.mean(t.norm(t.mul(h, t.tanh(h)), axis=1))
        (dx,) = grad(y, [x])
        return t.add(y, t.sum(t.square(t.sub(t.norm(dx, axis=1), np.float64(1.0)))))

    tape, numpy = Tape(), [Var(v) for v in (x, w, b)]
    ours = loss(tape, *numpy, tape.grad)
    tensors = [pg.tensor(v, requires_grad=True) for v in (x, w, b)]
    engine = loss(pg.ops, *tensors, lambda y, xs: pg.grad(y, xs, create_graph=True))
    close(ours, engine)
    for a, e in zip(tape.grad(ours, numpy), pg.grad(engine, tensors), strict=True):
        close(a, e)


def test_example_has_the_engines_gradients() -> None:
    g, d = EXAMPLE["network"](rng, 4, 8, 2), EXAMPLE["network"](rng, 2, 8, 8, 1)
    real, z = EXAMPLE["ring"](rng, 16), rng.standard_normal((16, 4))
    fake = EXAMPLE["run"](Tape(), g, z).value
    tape, params = Tape(), EXAMPLE["parameters"](d)
    loss = EXAMPLE["d_loss"](tape, d, real, fake)
    grads = tape.grad(loss, params)

    theirs = [pg.tensor(p.value, requires_grad=True) for p in params]

    def critic(x: pg.Tensor) -> pg.Tensor:
        for i in range(0, len(theirs), 2):
            x = pg.ops.leaky_relu(x, 0.2) if i else x
            x = x @ theirs[i] + theirs[i + 1]
        return x

    x = pg.tensor(real, requires_grad=True)
    out = critic(x)
    (gx,) = pg.grad(out.sum(), [x], create_graph=True)
    penalty = pg.ops.square(gx).sum(axis=1).mean() * (EXAMPLE["GAMMA"] / 2)
    softplus = pg.ops.softplus
    engine = softplus(-out).mean() + softplus(critic(pg.tensor(fake))).mean() + penalty
    close(loss, engine)
    for a, e in zip(grads, pg.grad(engine, theirs), strict=True):
        close(a, e)


def test_each_player_of_the_example_gets_better_against_the_other() -> None:
    rng = np.random.default_rng(0)
    g, d = EXAMPLE["network"](rng, 4, 16, 2), EXAMPLE["network"](rng, 2, 16, 16, 1)
    real, z = EXAMPLE["ring"](rng, 64), rng.standard_normal((64, 4))
    fake = EXAMPLE["run"](Tape(), g, z).value
    for layers, loss in (
        (d, lambda tape: EXAMPLE["d_loss"](tape, d, real, fake)),
        (g, lambda tape: EXAMPLE["g_loss"](tape, g, d, z)),
    ):
        params, losses = EXAMPLE["parameters"](layers), []
        adam = EXAMPLE["Adam"](params)
        for _ in range(40):
            tape = Tape()
            value = loss(tape)
            losses.append(float(value.value))
            adam.step(tape.grad(value, params), rate=0.01)
        assert losses[-1] < 0.9 * losses[0]


def test_example_runs(capsys: pytest.CaptureFixture) -> None:
    g, d = EXAMPLE["train"](2, report=2)
    assert capsys.readouterr().out.startswith("step     2  D ")
    assert all(np.isfinite(p.value).all() for p in EXAMPLE["parameters"](g + d))


def test_a_variable_used_twice_gets_the_sum() -> None:
    tape, x = Tape(), Var(np.array([2.0, 3.0]))
    y = tape.sum(tape.mul(x, tape.mul(x, x)))
    (dx,) = tape.grad(y, [x])
    np.testing.assert_array_equal(dx.value, 3 * x.value**2)
    (ddx,) = tape.grad(tape.sum(dx), [x])
    np.testing.assert_array_equal(ddx.value, 6 * x.value)


def test_what_it_does_not_do_is_said() -> None:
    tape, x, other = Tape(), Var(np.array([2.0, 3.0])), Var(np.ones(2))
    y = tape.sum(tape.exp(x))
    np.testing.assert_array_equal(tape.grad(y, [other])[0].value, [0, 0])
    (dx,) = tape.grad(y, [x])
    (ddx,) = tape.grad(tape.sum(dx), [x])
    with pytest.raises(NotImplementedError, match=r"third derivative of .*the engine"):
        tape.grad(tape.sum(ddx), [x])
    with pytest.raises(ValueError, match=r"y has shape \(2,\), it must be a scalar"):
        tape.grad(tape.exp(x), [x])
    with pytest.raises(AttributeError, match="no reference for 'convolve'"):
        tape.convolve(x)
    with pytest.raises(TypeError, match="max: the tape takes functions of one float output"):
        tape.max(x)
    with pytest.raises(TypeError, match="uniform has no derivative of order 1"):
        tape.grad(tape.sum(tape.uniform(np.array([1, 2, 3]), shape=(2,))), [x])


def test_it_stays_small() -> None:
    lines = Path(tape_module.__file__).read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
