"""The fused gradient-penalty pass equals a generic double backward."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from critics import (
    COSTS,
    Critic,
    array,
    assert_same,
    fused,
    mlp,
    random_critic,
    written_out,
)
from devices import DEVICES

import pygan as pg
from pygan import nn

penalty = pg.ops.gradient_penalty
ON = ["cpu", *DEVICES]


@pytest.mark.parametrize("device", ON)
@pytest.mark.parametrize("block", range(10))
def test_equals_double_backward_on_200_random_critics(block: int, device: str) -> None:
    if device == "cuda":
        pytest.skip("float64 is of cpu and emu")
    moving = 0
    for seed in range(20 * block, 20 * block + 20):
        critic = random_critic(seed, device)
        kind = list(COSTS)[seed % 4]
        cost, factor = COSTS[kind]
        a = fused(critic.D, critic.x, kind)
        b = written_out(critic.D, critic.x, cost, factor)
        assert a.item() == pytest.approx(b.item(), rel=1e-13), critic
        dout = pg.tensor(0.7, "float64", device=device)  # a cotangent that is not 1
        got = pg.grad(a, critic.params, dout)
        assert_same(got, pg.grad(b, critic.params, dout), f"{critic} {kind}")
        moving += any(np.abs(g.numpy()).max() > 0 for g in got)
    assert moving >= 15  # a one-sided cost may be flat


def shared_weight(x: pg.Tensor, w: pg.Tensor) -> pg.Tensor:
    h = pg.ops.tanh(pg.ops.matmul(x, w))
    return pg.ops.matmul(h, w) + pg.ops.matmul(x, w)


OTHER_CRITICS: dict[str, Callable[[pg.Tensor, pg.Tensor], pg.Tensor]] = {
    "one weight twice, two paths": shared_weight,
    "the input squared": lambda x, w: pg.ops.matmul(x * x, w) * x,
    "a quotient": lambda x, w: pg.ops.matmul(x, w) / (pg.ops.square(x) + 1.0),
    "softmax over features": lambda x, w: pg.ops.softmax(pg.ops.matmul(x, w), axis=1),
    "a norm of each sample": lambda x, w: pg.ops.norm(pg.ops.matmul(x, w), axis=1),
    "layer norm": lambda x, w: pg.ops.layer_norm(pg.ops.matmul(x, w), 1, w[0], w[1]),
    "group norm of images": lambda x, w: pg.ops.group_norm(
        pg.ops.matmul(x.reshape(3, 2, 2, 1) * w[0], w), 2, w[0], w[1]
    ),
    "layer norm of each pixel": lambda x, w: pg.ops.layer_norm(
        pg.ops.matmul(x.reshape(3, 2, 2, 1) * w[0], w), 1, w[0], w[1]
    ),
    "batch norm in evaluation": lambda x, w: pg.ops.batch_norm_eval(
        pg.ops.matmul(x, w), w[0], w[1], w[2], pg.ops.square(w[3])
    ),
    "attention within a sample": lambda x, w: pg.ops.matmul(
        pg.ops.softmax(pg.ops.matmul(x.reshape(3, 4, 1), x.reshape(3, 1, 4)), axis=2),
        pg.ops.matmul(x.reshape(3, 4, 1), w[:1]),
    ),
    "slices and joins": lambda x, w: pg.ops.tanh(
        pg.ops.concat([x[:, 1:] * w[0, :3], pg.ops.matmul(x, w), x[:, ::-1]], axis=1)
    ),
    "maximum": lambda x, w: pg.ops.max(pg.ops.matmul(x, w), axis=1),
    "pools and a resampling": lambda x, w: pg.ops.tanh(
        pg.ops.avg_pool2d(
            pg.ops.max_pool2d(
                pg.ops.upsample(pg.ops.matmul(x.reshape(3, 2, 2, 1) * w[0], w), 2), 2, 1
            ),
            2,
        )
    ).reshape(3, -1),
    "dropout": lambda x, w: pg.ops.tanh(
        pg.ops.dropout(pg.ops.matmul(x, w), pg.tensor(np.array([1, 2, 3])), 0.4)
    ),
    "a computed weight": lambda x, w: pg.ops.matmul(pg.ops.tanh(x), pg.ops.exp(w) / pg.ops.norm(w)),
    "linear": lambda x, w: pg.ops.matmul(x, w),
    "the input itself": lambda x, w: x,
    "its own input, held constant": lambda x, w: pg.ops.tanh(pg.ops.matmul(x, w)) * x.detach(),
    "a weight that only shifts": lambda x, w: pg.ops.tanh(x) + w.sum(),
}


@pytest.mark.parametrize("name", OTHER_CRITICS)
def test_equals_double_backward_on_other_ops(name: str) -> None:
    f, w = OTHER_CRITICS[name], nn.Parameter(array(4, 4, seed=1))
    x = pg.tensor(array(3, 4))
    for kind, (cost, factor) in COSTS.items():
        a = fused(lambda x: f(x, w), x, kind)
        b = written_out(lambda x: f(x, w), x, cost, factor)
        assert a.item() == pytest.approx(b.item(), rel=1e-12)
        if not b.requires_grad or not a.requires_grad:
            assert name in ("the input itself",)
            continue
        assert_same(pg.grad(a, [w]), pg.grad(b, [w]), name, 1e-11)


def test_an_op_of_a_user_in_numpy() -> None:
    @pg.register_op
    class Cube(pg.Op):
        name = "fused_penalty_cube"
        per_sample = True

        def forward(self, x):
            return x**3

        def vjp(self, inputs, outputs, dout):
            return (dout[0] * pg.ops.square(inputs[0]) * 3.0,)

    w = nn.Parameter(array(4, 2, seed=1))
    x, cube = pg.tensor(array(3, 4)), Cube()

    def D(x: pg.Tensor) -> pg.Tensor:
        return cube(pg.ops.matmul(x, w))

    a, b = fused(D, x), written_out(D, x, "two-sided", 1.0)
    assert_same(pg.grad(a, [w]), pg.grad(b, [w]), "cube")


@pytest.mark.parametrize("act", [nn.LeakyReLU, nn.Tanh, nn.SiLU])
def test_third_order_equals_the_generic_form(act: Callable[[], nn.Module]) -> None:
    """d |dP/dW|^2 / dW: the derivative of the fused backward."""
    D, x = mlp(3, 5, 4, 1, act=act), pg.tensor(array(4, 3))
    params = D.parameters()
    results = []
    for value in (fused(D, x), written_out(D, x, "two-sided", 1.0)):
        first = pg.grad(value, params, create_graph=True)
        total = sum((pg.ops.square(g).sum() for g in first[1:]), pg.ops.square(first[0]).sum())
        results.append([*first, *pg.grad(total, params)])
    assert_same(results[0], results[1], act.__name__)


def test_check_grads_to_second_order() -> None:
    x = pg.tensor(array(2, 3))

    def value(w: pg.Tensor, v: pg.Tensor, b: pg.Tensor) -> pg.Tensor:
        def D(x: pg.Tensor) -> pg.Tensor:
            return pg.ops.matmul(pg.ops.tanh(pg.ops.matmul(x, w) + b), v)

        return fused(D, x)

    inputs = [array(3, 4, seed=1), array(4, 1, seed=2), array(4, seed=3)]
    pg.testing.check_grads(value, inputs, order=2)


def test_a_tangent_through_the_penalty() -> None:
    """pg.jvp of P along dW is <dP/dW, dW>."""
    D, x = mlp(3, 4, 1, act=nn.Tanh), pg.tensor(array(4, 3))
    params = D.parameters()
    value = fused(D, x)
    along = [pg.tensor(array(*p.shape, seed=i)) for i, p in enumerate(params)]
    (t,) = pg.jvp(value, params, along)
    grads = pg.grad(fused(D, x), params)
    dot = sum(float((g.numpy() * a.numpy()).sum()) for g, a in zip(grads, along, strict=True))
    assert t.item() == pytest.approx(dot, rel=1e-12)


def test_random_critics_do_not_always_agree_with_a_wrong_penalty() -> None:
    """The comparison can fail: another cost, and weights that move, are seen."""
    critic: Critic = random_critic(3)
    a, b = fused(critic.D, critic.x), written_out(critic.D, critic.x, "squared", 1.0)
    with pytest.raises(AssertionError):
        assert_same(pg.grad(a, critic.params), pg.grad(b, critic.params), critic)
