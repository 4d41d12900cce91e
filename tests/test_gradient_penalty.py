"""The gradient penalty against values derived by hand and against differences in float64.

The classic mistakes have tests of their own that fail with them: one norm over the whole batch,
one interpolation coefficient per pixel, gradients that reach the generator.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import pygan as pg
from pygan import nn
from pygan.ops.gradient_penalty import seed_alpha

penalty = pg.ops.gradient_penalty


def array(*shape: int, seed: int = 0, dtype: str = "float64") -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def square_critic(x: pg.Tensor) -> pg.Tensor:
    """D(x) = sum x^2 / 2, so its gradient at x^ is x^ itself."""
    return pg.ops.square(x).reshape(x.shape[0], -1).sum(axis=1) * 0.5


def smooth_critic() -> nn.Sequential:
    nn.init.seed(0)
    return nn.Sequential(
        nn.Conv2d(2, 3, 4, stride=2, padding=1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(12, 4),
        nn.Softplus(),
        nn.Linear(4, 1),
    ).to("float64")


# ------------------------------------------------------------------------- values by hand


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_linear_critic(dtype: str) -> None:
    """D(x) = x w: the gradient is w everywhere, so P = lambda (|w| - 1)^2 for any x and alpha."""
    w = nn.Parameter(array(6, 1, dtype=dtype))
    real, fake = (pg.tensor(array(5, 6, seed=s, dtype=dtype)) for s in (1, 2))
    value = penalty(lambda x: pg.ops.matmul(x, w), real, fake, weight=7.0)
    length = np.linalg.norm(w.numpy().astype("float64"))
    rtol = 1e-5 if dtype == "float32" else 1e-12
    assert value.shape == ()
    assert value.dtype == dtype
    np.testing.assert_allclose(value.item(), 7 * (length - 1) ** 2, rtol=rtol)
    # dP/dw = 2 lambda (|w| - 1) w / |w|, a derivative of a derivative
    (dw,) = pg.grad(value, [w])
    expected = 14 * (length - 1) * w.numpy().astype("float64") / length
    np.testing.assert_allclose(dw.numpy(), expected, rtol=10 * rtol, atol=rtol)


def test_interpolation_and_mean() -> None:
    real, fake, u = array(4, 3, 2, 1), array(4, 3, 2, 1, seed=1), np.array([0.0, 0.25, 0.5, 1.0])
    hat = u[:, None, None, None] * real + (1 - u[:, None, None, None]) * fake
    lengths = np.sqrt((hat**2).sum((1, 2, 3)))
    value = penalty(square_critic, pg.tensor(real), pg.tensor(fake), alpha=u)
    np.testing.assert_allclose(value.item(), 10 * ((lengths - 1) ** 2).mean(), rtol=1e-12)


def test_classic_mistake_norm_over_the_whole_batch() -> None:
    """Two samples with gradients of lengths 3 and 4: the batch's gradient has length 5."""
    x = pg.tensor(np.array([[3.0, 0.0], [0.0, 4.0]]))
    value = penalty(square_critic, x, x, weight=1.0).item()
    assert value == pytest.approx(((3 - 1) ** 2 + (4 - 1) ** 2) / 2, rel=1e-12)
    assert value != pytest.approx((5 - 1) ** 2)
    # A batch of copies has the penalty of one of them.
    one = pg.tensor(array(1, 6))
    many = pg.tensor(np.repeat(array(1, 6), 9, axis=0))
    assert penalty(square_critic, many, many).item() == pytest.approx(
        penalty(square_critic, one, one).item(), rel=1e-12
    )


def test_classic_mistake_one_coefficient_per_pixel() -> None:
    """x^ must lie on the line between its two samples: real 1, fake 0 gives constant pictures."""
    seen: list[np.ndarray] = []

    def critic(x: pg.Tensor) -> pg.Tensor:
        seen.append(x.numpy().copy())
        return square_critic(x)

    real, fake = pg.ones((16, 4, 4, 3)), pg.zeros((16, 4, 4, 3))
    penalty(critic, real, fake)
    flat = seen[0].reshape(16, -1)
    assert len(seen) == 1  # D runs once
    assert np.array_equal(flat, np.repeat(flat[:, :1], flat.shape[1], axis=1))
    assert len(np.unique(flat[:, 0])) == 16  # but each sample has its own
    assert flat.min() >= 0
    assert flat.max() < 1
    with pytest.raises(pg.ShapeError, match=r"alpha must be \(16,\), one coefficient per sample"):
        penalty(critic, real, fake, alpha=np.zeros((16, 4, 4, 3)))


def test_classic_mistake_gradients_into_the_generator() -> None:
    fake = pg.tensor(array(3, 4), requires_grad=True)
    real = pg.tensor(array(3, 4, seed=1), requires_grad=True)
    w = nn.Parameter(array(4, 1))
    value = penalty(lambda x: pg.ops.matmul(x, w), real, fake)
    value.backward()
    assert real.grad is None
    assert fake.grad is None
    assert w.grad is not None


def test_dragan_lies_around_real_samples_by_the_deviation_of_all_their_values() -> None:
    real = array(6, 3) * np.array([0.1, 1.0, 5.0]) + 2.0  # a deviation a feature would differ
    u, noise, w = array(6, seed=1), array(6, 3, seed=2), array(3, 1, seed=3)

    def critic(x: pg.Tensor) -> pg.Tensor:  # gradient: w x
        return pg.ops.matmul(pg.ops.square(x), pg.tensor(w / 2))

    x = real + u[:, None] * 0.5 * real.std() * noise
    lengths = np.sqrt(((w[:, 0] * x) ** 2).sum(axis=1))
    expected = 10.0 * np.mean((lengths - 1.0) ** 2)
    p = pg.ops.gradient_penalty(
        critic, pg.tensor(real), None, kind="dragan", weight=10.0, alpha=u, noise=noise
    )
    np.testing.assert_allclose(p.item(), expected, rtol=1e-12)


def test_several_outputs_of_a_sample_are_summed() -> None:
    w = array(5, 3)
    x = pg.tensor(array(4, 5))
    value = penalty(lambda x: pg.ops.matmul(x, pg.tensor(w)), x, x, weight=1.0).item()
    assert value == pytest.approx((np.linalg.norm(w.sum(1)) - 1) ** 2, rel=1e-12)


def test_gradients_of_length_zero() -> None:
    """A critic that is flat at x^, or ignores it, has penalty lambda and finite gradients."""
    x = pg.zeros((3, 4), "float64")
    a = nn.Parameter(np.array(2.0))
    value = penalty(lambda x: square_critic(x) * a, x, x)
    assert value.item() == 10.0
    (da,) = pg.grad(value, [a], unused="zero")
    assert da.item() == 0.0
    assert penalty(lambda x: pg.zeros((3, 1), "float64"), x, x).item() == 10.0


# ------------------------------------------------------------------------- derivatives


def test_gradients_of_every_weight_against_differences() -> None:
    critic = smooth_critic()
    real, fake, u = (
        pg.tensor(array(3, 4, 4, 2)),
        pg.tensor(array(3, 4, 4, 2, seed=1)),
        [0.1, 0.5, 1],
    )

    def value() -> float:
        return penalty(critic, real, fake, alpha=u).item()

    params = critic.parameters()
    grads = pg.grad(penalty(critic, real, fake, alpha=u), params, unused="zero")
    step = 1e-6
    for i, (p, g) in enumerate(zip(params, grads, strict=True)):
        start, direction = p.numpy().copy(), array(*p.shape, seed=10 + i)
        ends = []
        for sign in (1, -1):
            p.assign_(start + sign * step * direction)
            ends.append(value())
        p.assign_(start)
        slope = (ends[0] - ends[1]) / (2 * step)
        assert (g.numpy() * direction).sum() == pytest.approx(slope, rel=1e-6, abs=1e-8)


def test_check_grads_to_second_order() -> None:
    """P as a function of the weights of a two-layer critic: derivatives of order 1 and 2."""
    x = pg.tensor(array(2, 3))

    def value(w: pg.Tensor, v: pg.Tensor) -> pg.Tensor:
        return penalty(lambda x: pg.ops.matmul(pg.ops.tanh(pg.ops.matmul(x, w)), v), x, x)

    pg.testing.check_grads(value, [array(3, 4, seed=1), array(4, 1, seed=2)], order=2)


def test_the_penalty_can_be_differentiated_again() -> None:
    """d/dw of |dP/dw|^2 for D(x) = x w: third derivatives of the critic."""
    w = nn.Parameter(array(4, 1))
    x = pg.tensor(array(3, 4))
    (dw,) = pg.grad(penalty(lambda x: pg.ops.matmul(x, w), x, x), [w], create_graph=True)
    (ddw,) = pg.grad(pg.ops.square(dw).sum(), [w])
    # |dP/dw|^2 = 400 (|w| - 1)^2, whose gradient is 800 (|w| - 1) w / |w|
    length = np.linalg.norm(w.numpy())
    np.testing.assert_allclose(ddw.numpy(), 800 * (length - 1) * w.numpy() / length, rtol=1e-10)


def test_under_no_grad_the_value_is_the_same_and_not_recorded() -> None:
    critic, x = smooth_critic(), pg.tensor(array(3, 4, 4, 2))
    expected = penalty(critic, x, x)
    with pg.no_grad():
        value = penalty(critic, x, x)
    assert value.item() == expected.item()
    assert expected.requires_grad
    assert not value.requires_grad


def test_float32_follows_float64() -> None:
    critic, u = smooth_critic(), np.array([0.2, 0.4, 0.9])
    values = []
    for dtype in ("float64", "float32"):
        critic.to(dtype)
        real, fake = (pg.tensor(array(3, 4, 4, 2, seed=s, dtype=dtype)) for s in (1, 2))
        values.append(penalty(critic, real, fake, alpha=u).item())
    assert values[1] == pytest.approx(values[0], rel=1e-5)


# ------------------------------------------------------------------------- alpha


def test_alpha_draws_from_a_stream_of_its_own() -> None:
    real, fake = pg.tensor(array(4, 3)), pg.tensor(array(4, 3, seed=1))

    def draw() -> float:
        return penalty(square_critic, real, fake).item()

    seed_alpha(3)
    first = [draw(), draw()]
    assert first[0] != first[1]
    seed_alpha(3)
    assert [draw(), draw()] == first
    u = pg.random.Stream(3, "gradient_penalty.alpha").uniform((4,), "float64")
    assert penalty(square_critic, real, fake, alpha=u).item() == first[0]
    seed_alpha(0)


# ------------------------------------------------------------------------- refusals


def with_plain_op(x: pg.Tensor) -> pg.Tensor:
    """Batch norm that no Module knows of."""
    ones, zeros = pg.ones((x.shape[-1],), x.dtype), pg.zeros((x.shape[-1],), x.dtype)
    return pg.ops.batch_norm(x, ones, zeros)[0].sum(axis=1)


@pytest.mark.parametrize(
    "critic", [nn.Sequential(nn.BatchNorm(4), nn.Linear(4, 1)), with_plain_op], ids=["layer", "op"]
)
def test_batch_norm_in_training_is_refused(critic: Callable[[pg.Tensor], pg.Tensor]) -> None:
    x = pg.tensor(array(3, 4, dtype="float32"))
    with pytest.raises(pg.ConfigError, match=r"batch_norm in training mode.*the others.*norm=None"):
        penalty(critic, x, x)


def test_batch_norm_in_evaluation_is_accepted() -> None:
    critic = nn.Sequential(nn.BatchNorm(4), nn.Linear(4, 1)).eval()
    x = pg.tensor(array(3, 4, dtype="float32"))
    assert penalty(critic, x, x).item() > 0


def test_a_trace_around_the_penalty_sees_its_ops() -> None:
    """The look-out for batch norm must not take the events from a profiler."""
    x = pg.tensor(array(3, 4))
    with pg.trace() as events:
        penalty(lambda x: pg.ops.tanh(x), x, x)
    names = [event["op"] for event in events]
    assert names.count("tanh") == 1
    assert "norm_penalty" in names


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        (
            {"kind": "wgan_gp"},
            pg.ConfigError,
            "'wgan_gp': did you mean 'wgan-gp'\\? known: wgan-gp",
        ),
        ({"kind": "x"}, pg.ConfigError, "unknown kind of gradient penalty 'x': known: wgan-gp"),
        ({"kind": "r1", "alpha": np.zeros(3)}, pg.ConfigError, "'r1' has no alpha; leave it out"),
        ({"noise": np.zeros((3, 4))}, pg.ConfigError, "'wgan-gp' has no noise"),
        (
            {"kind": "dragan", "noise": np.zeros(3)},
            pg.ShapeError,
            r"noise must be \(3, 4\), one value per element, got \(3,\)",
        ),
        ({"kind": "r1", "real": None}, pg.DTypeError, "real must be .* tensor, got NoneType"),
        ({"kind": "r2", "fake": pg.zeros((3,))}, pg.ShapeError, r"fake must be \(N, ...\) with"),
        ({"weight": -1.0}, pg.ConfigError, "weight must be finite and >= 0"),
        ({"fake": pg.zeros((3, 5))}, pg.ShapeError, r"got \(3, 4\) and \(3, 5\)"),
        ({"fake": pg.zeros((2, 4))}, pg.ShapeError, r"got \(3, 4\) and \(2, 4\)"),
        ({"real": pg.zeros((3,)), "fake": pg.zeros((3,))}, pg.ShapeError, r"must both be \(N, ..."),
        ({"fake": pg.zeros((3, 4), "float64")}, pg.DTypeError, "real is float32, fake is float64"),
        ({"real": pg.zeros((3, 4), "uint8")}, pg.DTypeError, "real must be .*got a uint8 tensor"),
        ({"fake": np.zeros((3, 4))}, pg.DTypeError, "fake must be a float tensor, got ndarray"),
        ({"alpha": np.zeros(2)}, pg.ShapeError, r"alpha must be \(3,\).*got \(2,\)"),
        ({"alpha": pg.zeros((3,), "float64")}, pg.DTypeError, "alpha is float64"),
        ({"D": lambda x: x.sum()}, pg.ShapeError, r"one row per sample, \(3, ...\), got \(\)"),
        ({"D": lambda x: 3.0}, pg.ShapeError, "got float"),
    ],
    ids=lambda v: "" if isinstance(v, type) else None,
)
def test_bad_input(settings: dict, error: type[Exception], message: str) -> None:
    call = {"D": square_critic, "real": pg.zeros((3, 4)), "fake": pg.zeros((3, 4)), **settings}
    with pytest.raises(error, match=message):
        penalty(**call)
