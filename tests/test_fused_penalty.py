"""The fused gradient-penalty pass: it equals a generic double backward, and costs less."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable

import numpy as np
import pytest
from critics import COSTS, Critic, assert_same, random_critic, written_out
from devices import DEVICES

import pygan as pg
from pygan import nn

penalty = pg.ops.gradient_penalty
ON = ["cpu", *DEVICES]
CONVOLUTIONS = ("conv2d", "conv_transpose2d", "conv2d_weight_grad")


def fused(D: Callable, x: pg.Tensor, kind: str = "wgan-gp", **settings: object) -> pg.Tensor:
    """At x itself: both samples are x."""
    real, fake = (x, None) if kind == "r1" else (x, x)
    return penalty(D, real, fake, kind=kind, weight=1.0, fused=True, **settings)


def mlp(
    *widths: int, act: Callable[[], nn.Module] = lambda: nn.LeakyReLU(0.2), seed: int = 0
) -> nn.Sequential:
    nn.init.seed(seed)
    layers: list[nn.Module] = []
    for a, b in itertools.pairwise(widths):
        layers += [nn.Linear(a, b), act()]
    return nn.Sequential(*layers[:-1]).to("float64")


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape)


# ------------------------------------------------------------- equal to the double backward


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
    "a computed weight": lambda x, w: pg.ops.matmul(pg.ops.tanh(x), pg.ops.exp(w) / pg.ops.norm(w)),
    "linear": lambda x, w: pg.ops.matmul(x, w),
    "the input itself": lambda x, w: x,
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


# ------------------------------------------------------------- the classic mistakes


def gradients_of(value: pg.Tensor, params: list[pg.Tensor]) -> list[np.ndarray]:
    return [g.numpy() for g in pg.grad(value, params)]


@pytest.fixture
def case() -> tuple[nn.Sequential, pg.Tensor]:
    return mlp(4, 6, 5, 1, act=nn.Tanh), pg.tensor(array(5, 4) * np.arange(1, 6)[:, None])


Case = tuple[nn.Sequential, pg.Tensor]


def test_classic_mistake_norm_over_the_whole_batch(case: Case) -> None:
    """The gradients of a batch are the mean of each sample's own: nothing but a norm couples."""
    D, x = case
    params = D.parameters()
    whole = gradients_of(fused(D, x), params)
    single = [gradients_of(fused(D, x[b : b + 1].detach()), params) for b in range(5)]
    for i, g in enumerate(whole):
        np.testing.assert_allclose(g, np.mean([s[i] for s in single], axis=0), atol=1e-13)


def test_classic_mistake_seed_of_one_over_the_batch_size(case: Case) -> None:
    """With the seed 1/N of a mean loss all lengths would be N times too small."""
    D, x = case
    lengths = np.linalg.norm(
        pg.grad(D(v := x.detach().requires_grad_(True)).sum(), [v])[0].numpy(), axis=1
    )
    assert fused(D, x).item() == pytest.approx(np.mean((lengths - 1) ** 2), rel=1e-12)
    assert fused(D, x).item() != pytest.approx(np.mean((lengths / 5 - 1) ** 2), rel=1e-3)


def test_classic_mistake_gradient_held_constant(case: Case) -> None:
    """Without create_graph the penalty is a number: every weight would get zero."""
    D, x = case
    value = fused(D, x)
    assert value.requires_grad
    weights = [p for p in D.parameters() if p.ndim == 2]
    for g in gradients_of(value, weights):
        assert np.abs(g).max() > 1e-3


def test_classic_mistake_biases_before_a_piecewise_linear_activation_get_gradients() -> None:
    """|dD/dx| of a leaky-ReLU critic does not depend on its biases, but for kinks."""
    D, x = mlp(4, 6, 5, 1), pg.tensor(array(5, 4))
    for name, p in D.named_parameters():
        g = pg.grad(fused(D, x), [p])[0].numpy()
        assert (np.abs(g).max() > 1e-3) == (name.split(".")[-1] == "weight"), name


def test_classic_mistake_smooth_activations_without_their_second_derivative(case: Case) -> None:
    """The first bias of a tanh critic has a gradient, by phi'' alone."""
    D, x = case
    first = dict(D.named_parameters())["0.bias"]
    (g,) = pg.grad(fused(D, x), [first])
    start, step = first.numpy().copy(), 1e-6
    for i in range(first.size):
        ends = []
        for sign in (1, -1):
            moved = start.copy()
            moved[i] += sign * step
            first.assign_(moved)
            ends.append(fused(D, x).item())
        first.assign_(start)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert g.numpy()[i] == pytest.approx(slope, rel=1e-5, abs=1e-8)


def test_classic_mistake_gradients_through_the_points(case: Case) -> None:
    """x^ is a constant: a trained generator or encoder behind it gets nothing."""
    D, x = case
    source = x.detach().requires_grad_(True)
    value = penalty(D, source * 2.0, source * 3.0, fused=True)
    value.backward()
    assert source.grad is None
    assert all(p.grad is not None for p in D.parameters()[:1])


def test_classic_mistake_not_a_number_where_the_gradient_vanishes() -> None:
    """At |g| = 0 the norm has no derivative; 0 is taken, and other samples keep theirs."""
    w = nn.Parameter(array(4, 1))
    x = np.zeros((2, 4))
    x[1] = array(4, seed=1)

    def D(x: pg.Tensor) -> pg.Tensor:  # gradient x w^2
        return (pg.ops.square(x) * pg.ops.square(w).reshape(1, -1)).sum(axis=1) * 0.5

    (g,) = pg.grad(fused(D, pg.tensor(x)), [w])
    (alone,) = pg.grad(fused(D, pg.tensor(x[1:])), [w])
    np.testing.assert_allclose(g.numpy(), alone.numpy() / 2, rtol=1e-12)


def test_classic_mistake_one_tangent_for_two_uses_of_a_weight() -> None:
    """A weight that enters twice has both terms (and one that is a part of another, its own)."""
    w = nn.Parameter(array(3, 3))
    x = pg.tensor(array(4, 3))

    def D(x: pg.Tensor) -> pg.Tensor:
        return pg.ops.matmul(pg.ops.matmul(x, w) * pg.ops.tanh(w[0]), w)

    (g,) = pg.grad(fused(D, x), [w])
    (expected,) = pg.grad(written_out(D, x, "two-sided", 1.0), [w])
    assert_same([g], [expected], "twice")


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


def test_random_critics_do_not_always_agree_with_a_wrong_penalty() -> None:
    """The comparison can fail: another cost, and weights that move, are seen."""
    critic: Critic = random_critic(3)
    a, b = fused(critic.D, critic.x), written_out(critic.D, critic.x, "squared", 1.0)
    with pytest.raises(AssertionError):
        assert_same(pg.grad(a, critic.params), pg.grad(b, critic.params), critic)
