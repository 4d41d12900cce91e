"""What the fused gradient-penalty pass costs, which way runs and why, and one op among others."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest
from critics import (
    array,
    assert_same,
    fused,
    gradients_of,
    mlp,
    written_out,
)

import pygan as pg
from pygan import nn

penalty = pg.ops.gradient_penalty
CONVOLUTIONS = ("conv2d", "conv_transpose2d", "conv2d_weight_grad")


# ------------------------------------------------------------- what it costs


def convolution_flops(run: Callable[[], object]) -> dict[str, float]:
    with pg.trace() as events:
        run()
    flops = dict.fromkeys(CONVOLUTIONS, 0.0)
    for e in events:
        if e["op"] in CONVOLUTIONS:
            flops[e["op"]] += e["flops"]
    return flops


def forward_equivalents(D: nn.Module, x: pg.Tensor, way: bool) -> float:
    """Convolution FLOPs, counted from shapes, of the penalty and all its weight gradients, over
    those of one forward pass of the critic."""

    def run() -> None:
        pg.grad(penalty(D, x, x, fused=way), D.parameters())

    once = sum(convolution_flops(lambda: D(x)).values())
    return sum(convolution_flops(run).values()) / once


def dcgan(act: str = "leaky-relu") -> nn.Module:
    nn.init.seed(0)
    D = pg.models.DCGANDiscriminator(image_shape=(64, 64, 3), width=64, norm=None)
    if act == "leaky-relu":
        return D
    return nn.Sequential(*(nn.Tanh() if isinstance(m, nn.LeakyReLU) else m for m in D))


def test_four_convolution_passes_for_a_leaky_relu_dcgan_64_critic() -> None:
    """Forward, backward-data, tangent, weight gradient, each of every convolution."""
    D, x = dcgan(), pg.tensor(array(2, 64, 64, 3).astype("float32"))
    passes = forward_equivalents(D, x, True)
    assert passes <= 4.0
    assert round(passes, 1) == 4.0
    # Undefined cotangents cost nothing: the generic double backward needs no more of them.
    assert forward_equivalents(D, x, False) >= passes


def test_six_convolution_passes_for_a_smooth_critic() -> None:
    """Two more: q backward, and its weight gradients."""
    D, x = dcgan("tanh"), pg.tensor(array(2, 64, 64, 3).astype("float32"))
    passes = forward_equivalents(D, x, True)
    assert 5.5 <= passes <= 6.0
    assert forward_equivalents(D, x, False) >= passes


def test_no_work_for_weights_that_nobody_asks_for() -> None:
    D, x = dcgan(), pg.tensor(array(1, 64, 64, 3).astype("float32"))
    last = D.parameters()[-2]
    flops = convolution_flops(lambda: pg.grad(penalty(D, x, x, fused=True), [last]))
    everything = convolution_flops(lambda: pg.grad(penalty(D, x, x, fused=True), D.parameters()))
    assert flops["conv2d_weight_grad"] < 0.1 * everything["conv2d_weight_grad"]


def test_values_of_the_critic_are_evaluated_once() -> None:
    calls = []

    def D(x: pg.Tensor) -> pg.Tensor:
        calls.append(x.shape)
        return pg.ops.tanh(x)

    with pg.trace() as events:
        penalty(D, pg.tensor(array(2, 3)), pg.tensor(array(2, 3)), fused=True)
    assert calls == [(2, 3)]
    assert [e["op"] for e in events].count("tanh") == 1
    (own,) = [e for e in events if e["op"] == "gradient_penalty"]
    assert own["flops"] == 0  # its parts have them
    assert "tanh" in {e["parent"] for e in events}


# ------------------------------------------------------------- which way, and why


def report_of(D: Callable, x: pg.Tensor, **settings: object) -> str:
    said: list[str] = []
    penalty(D, x, x, report=said.append, **settings)
    (text,) = said
    return text


def test_the_report_says_which_way_ran() -> None:
    x = pg.tensor(array(3, 4))
    assert report_of(mlp(4, 3, 1), x) == "fused pass"
    assert report_of(mlp(4, 3, 1), x, fused=False) == "generic double backward (as asked)"


def minibatch_discrimination(x: pg.Tensor) -> pg.Tensor:
    a, b = x.reshape(x.shape[0], 1, -1), x.reshape(1, x.shape[0], -1)
    return pg.ops.exp(-pg.ops.square(a - b).sum(axis=2)).sum(axis=1)


MIXING: dict[str, tuple[Callable[[pg.Tensor], pg.Tensor], str]] = {
    "minibatch discrimination": (minibatch_discrimination, "reshape"),
    "mean of the batch": (lambda x: x * x - pg.ops.square(x).mean(axis=0), "mean"),
    "a transpose": (lambda x: pg.ops.matmul(x, x.T), "transpose"),
    "x x^T": (lambda x: pg.ops.matmul(pg.ops.square(x), x, transpose_b=True), "matmul"),
    "the first row": (lambda x: x * pg.ops.square(x[:1]), "slice"),
    "rolled": (lambda x: pg.ops.square(x) * pg.ops.concat([x[1:], x[:1]], axis=0), "slice"),
    "broadcast against an axis of samples": (
        lambda x: pg.ops.square(x[:, 0]) * pg.tensor(array(3, 3)) * x[:, :3],
        "mul",
    ),
}


@pytest.mark.parametrize("name", MIXING)
def test_critics_that_mix_samples_go_the_generic_way(name: str) -> None:
    D, op = MIXING[name]
    x = pg.tensor(array(3, 4))
    assert report_of(D, x) == f"generic double backward ({op} may mix samples)"
    w = nn.Parameter(np.array(1.3))
    a = penalty(lambda x: D(x * w), x, x, weight=1.0)
    b = written_out(lambda x: D(x * w), x, "two-sided", 1.0)
    assert a.item() == pytest.approx(b.item(), rel=1e-13)
    assert_same(pg.grad(a, [w]), pg.grad(b, [w]), name)
    with pytest.raises(pg.ConfigError, match=f"no fused pass: {op} may mix samples"):
        penalty(D, x, x, fused=True)
    one = x[:1].detach()  # with one sample there is nothing to mix
    if name != "broadcast against an axis of samples":
        assert report_of(D, one) == "fused pass"


def test_a_critic_that_ignores_its_input_or_hides_it() -> None:
    x = pg.tensor(array(3, 4))
    w = nn.Parameter(array(3, 1))
    assert "does not depend on its input" in report_of(lambda x: w * 2.0, x)

    def hidden(x: pg.Tensor) -> pg.Tensor:
        with pg.no_grad():
            return pg.ops.tanh(x)

    assert "does not depend on its input" in report_of(hidden, x)


def test_bad_settings() -> None:
    x = pg.zeros((2, 3))
    with pytest.raises(pg.ConfigError, match='fused must be True, False or "auto", got 3'):
        penalty(lambda x: x, x, x, fused=3)


# ------------------------------------------------------------- one op among others


def test_it_adds_to_a_loss_and_its_gradients() -> None:
    D, x = mlp(4, 5, 1), pg.tensor(array(3, 4))
    params = D.parameters()
    both = gradients_of(D(x).mean() + fused(D, x) * 3.0, params)
    loss, alone = gradients_of(D(x).mean(), params), gradients_of(fused(D, x), params)
    for a, b, c in zip(both, loss, alone, strict=True):
        np.testing.assert_allclose(a, b + 3 * c, rtol=1e-12, atol=1e-15)


def test_a_released_graph_raises_and_a_retained_one_does_not() -> None:
    D, x = mlp(4, 5, 1), pg.tensor(array(3, 4))
    params = D.parameters()
    value = fused(D, x)
    first = gradients_of_retained(value, params)
    again = gradients_of(value, params)
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    with pytest.raises(pg.Error, match="gradient_penalty: its saved values were released"):
        pg.grad(value, params)


def gradients_of_retained(value: pg.Tensor, params: list[pg.Tensor]) -> list[np.ndarray]:
    return [g.numpy() for g in pg.grad(value, params, retain_graph=True)]


def test_weights_changed_in_place_raise() -> None:
    D, x = mlp(4, 5, 1), pg.tensor(array(3, 4))
    value = fused(D, x)
    weight = D.parameters()[0]
    weight.assign_(weight.numpy() + 1.0)
    with pytest.raises(pg.Error, match=r"gradient_penalty: the value .* changed in place"):
        pg.grad(value, D.parameters())


def test_weights_changed_while_the_critic_runs() -> None:
    D, x = mlp(4, 5, 1), pg.tensor(array(3, 4))
    weight = D.parameters()[0]

    def changing(x: pg.Tensor) -> pg.Tensor:
        out = D(x)
        weight.assign_(weight.numpy() + 1.0)
        return out

    with pytest.raises(pg.ConfigError, match="D changed an input of its matmul in place"):
        fused(changing, x)
    with pytest.raises(pg.Error, match=r"matmul: the value .* changed in place"):
        penalty(changing, x, x)


def test_under_no_grad_it_is_a_value() -> None:
    D, x = mlp(4, 5, 1), pg.tensor(array(3, 4))
    with pg.no_grad():
        value = fused(D, x)
        assert not pg.is_grad_enabled()
    assert not value.requires_grad
    assert value.item() == fused(D, x).item()


def test_frozen_weights_get_nothing_and_cost_nothing() -> None:
    D, x = mlp(4, 5, 4, 1), pg.tensor(array(3, 4))
    params = D.parameters()
    params[0].requires_grad_(False)
    expected = pg.grad(written_out(D, x, "two-sided", 1.0), params[1:])
    value = fused(D, x)
    assert_same(pg.grad(value, params[1:], retain_graph=True), expected, "frozen")
    value.backward()
    assert params[0].grad is None
    for p in params:
        p.requires_grad_(False)
    assert not fused(D, x).requires_grad


def test_nothing_of_the_graph_is_left() -> None:
    D, x = mlp(4, 5, 1, act=nn.Tanh), pg.tensor(array(3, 4))
    params = D.parameters()
    pg.grad(fused(D, x), params)
    before = pg._core.live_nodes()
    for _ in range(3):
        pg.grad(fused(D, x), params)
    value = fused(D, x)
    # the op, what leads to it, and its own node: D's recording is gone
    assert pg._core.live_nodes() - before <= 2
    del value
    assert pg._core.live_nodes() == before


def test_a_critic_that_raises_leaves_nothing_behind() -> None:
    D, x = mlp(4, 5, 1), pg.tensor(array(3, 4))
    before = pg._core.live_nodes()

    def failing(x: pg.Tensor) -> pg.Tensor:
        D(x)
        raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fused(failing, x)
    assert pg._core.live_nodes() == before
    assert pg.is_grad_enabled()
    _, recording = pg._core.capture(lambda x: pg.ops.tanh(x), pg.tensor(array(2)).requires_grad_())
    pg.ops.tanh(x)  # after it nothing is captured
    assert recording.ops == ["tanh"]


def test_threads_capture_their_own_operations() -> None:
    xs = [pg.tensor(array(3, 4, seed=s)) for s in range(4)]
    critics = [mlp(4, 5, 1, act=nn.Tanh, seed=s) for s in range(4)]
    expected = [fused(D, x).item() for D, x in zip(critics, xs, strict=True)]
    barrier, got = threading.Barrier(4), [0.0] * 4

    def run(i: int) -> None:
        barrier.wait()
        for _ in range(20):
            got[i] = fused(critics[i], xs[i]).item()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert got == expected


def test_a_critic_with_a_penalty_inside() -> None:
    """Captures nest: the inner one does not take the outer one's operations."""
    inner, outer, x = mlp(4, 3, 1, act=nn.Tanh), mlp(4, 5, 1), pg.tensor(array(3, 4))
    alone = fused(inner, x).item()
    seen = []

    def D(x: pg.Tensor) -> pg.Tensor:
        seen.append(fused(inner, x).item())
        return outer(x)

    value = fused(D, x)
    assert seen == [alone]
    assert value.item() == fused(outer, x).item()


def test_a_critic_that_differentiates() -> None:
    """D(x) = |d f / dx|^2: its own derivative is recorded like any operation."""
    f, x = mlp(4, 3, 1, act=nn.Tanh), pg.tensor(array(3, 4))

    def D(x: pg.Tensor) -> pg.Tensor:
        (g,) = pg.grad(f(x).sum(), [x], create_graph=True)
        return pg.ops.square(g).sum(axis=1)

    params = f.parameters()
    a = penalty(D, x, x, weight=1.0)
    b = written_out(D, x, "two-sided", 1.0)
    assert a.item() == pytest.approx(b.item(), rel=1e-12)
    assert_same(pg.grad(a, params), pg.grad(b, params), "differentiates", 1e-11)


def test_work_in_another_thread_goes_the_generic_way() -> None:
    """(1 + w)^2: what the thread computed of x is no constant."""
    w, x = nn.Parameter(np.array([[2.0]])), pg.tensor(np.array([[3.0]]))

    def D(z: pg.Tensor) -> pg.Tensor:
        made: list[pg.Tensor] = []
        thread = threading.Thread(target=lambda: made.append(pg.ops.matmul(z, w)))
        thread.start()
        thread.join()
        return z + made[0]

    ways: list[str] = []
    p = penalty(D, x, None, kind="r1", weight=2.0, report=ways.append)
    assert ways == ["generic double backward (D ran operations on x in another thread)"]
    assert p.item() == 9
    assert pg.grad(p, [w])[0].item() == 6


def test_a_critic_that_closes_over_the_samples() -> None:
    """(w x)^2 in x, with x held where it is closed over: 2 w x^2."""
    w, x = nn.Parameter(np.array([[2.0]])), pg.tensor(np.array([[3.0]]))
    critics = {
        "itself": lambda z: pg.ops.matmul(z, w) * x,
        "detached": lambda z: pg.ops.matmul(z, w) * z.detach(),
    }
    for name, D in critics.items():
        p = penalty(D, x, None, kind="r1", weight=2.0, fused=True)
        (dw,) = pg.grad(p, [w], create_graph=True)
        assert (p.item(), dw.item()) == (36, 36), name
        assert pg.grad(dw, [w])[0].item() == 18, name
        _, p = pg.ops.output_and_penalty(D, x, "r1", 2.0, fused=True)
        assert pg.grad(p, [w])[0].item() == 36, name


def test_a_critic_that_sets_its_input_anew() -> None:
    w, x = nn.Parameter(np.array([[2.0]])), pg.tensor(np.array([[3.0]]))

    def D(z: pg.Tensor) -> pg.Tensor:
        y = pg.ops.matmul(z, w)
        z.requires_grad_(False)
        return y * z

    results = []
    for fused_ in ("auto", False):
        try:
            results.append(penalty(D, x, None, kind="r1", fused=fused_).item())
        except pg.Error as error:
            results.append(str(error))
    assert results[0] == results[1]


@pytest.mark.parametrize("size", [1e-25, 1e-30, 1e25])
def test_slopes_whose_squares_leave_float32(size: float) -> None:
    """d = 8 and 70 elements: |g| is in range though its square is not."""
    for d in (8, 70):
        g = pg.tensor(np.full((2, d), size, np.float32))
        coefficient = pg.ops.norm_penalty(g, "two-sided")[1].numpy()
        n = size * d**0.5
        np.testing.assert_allclose(coefficient, (1 - 1 / n), rtol=1e-5)


@pytest.mark.parametrize("fused", [1, 0, np.True_, None, "yes"])
def test_fused_is_true_false_or_auto(fused: object) -> None:
    D, x = mlp(2, 3, 1), pg.tensor(array(2, 2))
    with pytest.raises(pg.ConfigError, match='fused must be True, False or "auto"'):
        penalty(D, x, x, fused=fused)
