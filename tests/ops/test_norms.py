"""Group, instance, layer, virtual and reference batch norm: what they promise beyond the cases."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from ops.case import Example
from ops.compare import Orders, engine_orders
from pygan.testing import check_grads

rng = np.random.default_rng(0)
WITH_REFERENCE = (pg.ops.virtual_batch_norm, pg.ops.reference_batch_norm)


def textbook(x: np.ndarray, ref: np.ndarray, own: bool, eps: float = 1e-5) -> np.ndarray:
    """Salimans et al.: statistics of the reference batch and, for own, one example as its last."""
    out = []
    for example in x:
        batch = np.concatenate([ref, example[None]]) if own else ref
        axes = tuple(range(batch.ndim - 1))
        out.append((example - batch.mean(axes)) / np.sqrt(batch.var(axes) + eps))
    return np.stack(out)


@pytest.mark.parametrize("shape", [(3,), (4, 5, 3)])
def test_with_reference_is_a_batch_norm_of_reference_and_example(shape: tuple[int, ...]) -> None:
    """The combined statistics are those of the reference batch with the example added to it."""
    x, ref = rng.standard_normal((6, *shape)) * 2 + 1, rng.standard_normal((7, *shape))
    w, b = rng.standard_normal(3), rng.standard_normal(3)
    plain = pg.ops.batch_norm(*map(pg.tensor, (ref, w, b)))[0].numpy()
    for f in WITH_REFERENCE:
        y, y_ref = f(*map(pg.tensor, (x, ref, w, b)))
        expected = w * textbook(x, ref, f is pg.ops.virtual_batch_norm) + b
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-10, atol=1e-12)
        np.testing.assert_array_equal(y_ref.numpy(), plain)


def test_neighbours_in_the_batch_change_no_bit() -> None:
    x, other = (rng.standard_normal((5, 6, 6, 33)).astype(np.float32) for _ in range(2))
    other[2] = x[2]
    ref, dy = (pg.tensor(rng.standard_normal((n, 6, 6, 33)), "float32") for n in (3, 5))
    for f in WITH_REFERENCE:
        results = []
        for batch in (x, other):
            t = pg.tensor(batch, requires_grad=True)
            y, _ = f(t, ref)
            (dx,) = pg.grad(y, [t], [dy])
            results.append((y.numpy()[2].tobytes(), dx.numpy()[2].tobytes()))
        assert results[0] == results[1]


def test_large_mean_keeps_the_variance() -> None:
    """Mean 30, deviation 0.02: raw second moments would be 69% off in float32."""
    x, ref = ((30 + 0.02 * rng.standard_normal((n, 8, 8, 5))).astype(np.float32) for n in (6, 16))
    wide_x, wide_ref = x.astype(np.float64), ref.astype(np.float64)
    for f in WITH_REFERENCE:
        y, _ = f(pg.tensor(x), pg.tensor(ref), eps=1e-12)
        expected = textbook(wide_x, wide_ref, f is pg.ops.virtual_batch_norm, 1e-12)
        # What a rounding of the mean (2^-20 at 30) is of the deviation.
        np.testing.assert_allclose(y.numpy(), expected, atol=3e-4)
        got, want = (a.std((1, 2)) for a in (y.numpy(), expected))  # where that cancels
        np.testing.assert_allclose(got, want, rtol=2e-5)
    for y, axes in (
        (pg.ops.instance_norm(pg.tensor(x), eps=1e-12), (1, 2)),
        (pg.ops.layer_norm(pg.tensor(x), 3, eps=1e-12), (1, 2, 3)),
        (pg.ops.group_norm(pg.tensor(x), 1, eps=1e-12), (1, 2, 3)),
    ):
        np.testing.assert_allclose(y.numpy().std(axes), 1, rtol=2e-4)


def test_weight_and_bias_are_optional() -> None:
    x, ref, v = rng.standard_normal((3, 4, 2)), rng.standard_normal((2, 4, 2)), np.array([2.0, 3.0])
    norms = [lambda x, w, b: pg.ops.group_norm(x, 1, w, b), pg.ops.instance_norm]
    norms += [lambda x, w, b, f=f: f(x, pg.tensor(ref), w, b)[0] for f in WITH_REFERENCE]
    for f in norms:
        plain = f(pg.tensor(x), None, None).numpy()
        for which in (0, 1):
            given = [None, None]
            given[which] = pg.tensor(v)
            expected = plain * v if which == 0 else plain + v
            np.testing.assert_allclose(f(pg.tensor(x), *given).numpy(), expected, rtol=1e-12)

            def call(x, v, f=f, which=which):
                return f(x, *((v, None) if which == 0 else (None, v)))

            check_grads(call, [x, v], order=2)


@pytest.mark.parametrize("f", WITH_REFERENCE, ids=["virtual", "reference"])
@pytest.mark.parametrize("output", [0, 1])
def test_derivatives_from_either_output_alone(f, output: int) -> None:
    x, ref = rng.standard_normal((3, 4, 2)), rng.standard_normal((2, 4, 2))
    w, b = rng.standard_normal(2), rng.standard_normal(2)
    check_grads(lambda *inputs: f(*inputs)[output], [x, ref, w, b], order=2)


def test_one_position_has_no_variance_of_its_own() -> None:
    x, ref = rng.standard_normal((4, 3)), rng.standard_normal((1, 3))
    y, y_ref = pg.ops.virtual_batch_norm(pg.tensor(x), pg.tensor(ref), eps=1e-9)
    # Two values, the reference's and the example's: -1 and 1.
    np.testing.assert_allclose(y.numpy(), np.sign(x - ref), rtol=1e-6)
    np.testing.assert_array_equal(y_ref.numpy(), np.zeros((1, 3)))


def test_instance_and_layer_norm_are_group_norms() -> None:
    x = pg.tensor(rng.standard_normal((3, 4, 5, 6)))
    pairs = (
        (pg.ops.instance_norm(x), pg.ops.group_norm(x, 6)),
        (pg.ops.layer_norm(x, 3), pg.ops.group_norm(x, 1)),
    )
    for a, b in pairs:
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-12, atol=1e-13)
    wide = pg.ops.layer_norm(pg.tensor(rng.standard_normal((2, 3, 1100)))).numpy()
    np.testing.assert_allclose(wide.mean(-1), 0, atol=1e-12)
    np.testing.assert_allclose(wide.var(-1), 1, rtol=1e-4)


def test_many_channels() -> None:
    x, ref, w = (rng.standard_normal(s) for s in ((3, 2, 1030), (4, 2, 1030), 1030))
    for f in WITH_REFERENCE:
        t = pg.tensor(ref, requires_grad=True)
        y, _ = f(pg.tensor(x), t, pg.tensor(w))
        expected = w * textbook(x, ref, f is pg.ops.virtual_batch_norm)
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-9, atol=1e-11)
        (d,) = pg.grad(y, [t], [pg.tensor(x)])
        (head,) = pg.grad(f(pg.tensor(x[..., 600:700]), t[..., 600:700], pg.tensor(w[600:700]))[0],
                          [t], [pg.tensor(x[..., 600:700])])  # fmt: skip
        np.testing.assert_allclose(
            d.numpy()[..., 600:700], head.numpy()[..., 600:700], rtol=1e-9, atol=1e-12
        )


def test_errors() -> None:
    x, one = pg.zeros((2, 4, 6)), pg.ones((3,))
    with pytest.raises(pg.ShapeError, match="4 groups do not divide the 6 channels"):
        pg.ops.group_norm(x, 4)
    with pytest.raises(pg.ShapeError, match=r"weight and bias of \(6,\), got \(3,\)"):
        pg.ops.group_norm(x, 2, one)
    with pytest.raises(pg.ShapeError, match=r"instance_norm: .*positions"):
        pg.ops.instance_norm(pg.zeros((2, 6)))
    with pytest.raises(pg.ShapeError, match=r"layer_norm: .*last 4 axes"):
        pg.ops.layer_norm(x, 4)
    with pytest.raises(pg.ShapeError, match=r"layer_norm: .*weight and bias of \(4, 6\)"):
        pg.ops.layer_norm(x, 2, one)
    for f in WITH_REFERENCE:
        with pytest.raises(pg.ShapeError, match=r"equal but for N and n"):
            f(x, pg.zeros((2, 5, 6)))
        with pytest.raises(pg.ShapeError, match=r"ref \(0, 4, 6\) has no elements"):
            f(x, pg.zeros((0, 4, 6)))
        with pytest.raises(pg.ShapeError, match=r"weight and bias of \(6,\)"):
            f(x, x, one)
        with pytest.raises(pg.DTypeError, match="mixed dtypes"):
            f(x, pg.zeros((2, 4, 6), "float64"))


@pytest.mark.parametrize("shape", [(3, 4), (3, 2, 2, 2)], ids=["rows", "images"])
@pytest.mark.parametrize("op", [pg.ops.virtual_batch_norm, pg.ops.reference_batch_norm])
def test_derivatives_without_weight_and_bias(op, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    x, ref = rng.standard_normal(shape), rng.standard_normal((5, *shape[1:]))
    for output in (0, 1):
        check_grads(lambda x, ref, k=output: op(x, ref)[k], [x, ref], order=2)
    weight, bias = np.ones(shape[-1]), np.zeros(shape[-1])
    given = op(*(pg.tensor(a) for a in (x, ref, weight, bias)))
    for a, b in zip(op(pg.tensor(x), pg.tensor(ref)), given, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize(("channels", "groups"), [(1030, 2), (1500, 5), (513, 3)])
def test_groups_wider_than_a_tile(channels: int, groups: int) -> None:
    rng = np.random.default_rng(channels)
    x, dy = rng.standard_normal((2, 2, 3, 3, channels))
    weight, bias = rng.standard_normal((2, channels))
    xs = [pg.tensor(a, requires_grad=True) for a in (x, weight, bias)]
    y = pg.ops.group_norm(xs[0], groups=groups, weight=xs[1], bias=xs[2])
    h = x.reshape(2, 9, groups, -1)
    h = h - h.mean(axis=(1, 3), keepdims=True)
    h = (h / np.sqrt(h.var(axis=(1, 3), keepdims=True) + 1e-5)).reshape(x.shape)
    np.testing.assert_allclose(y.numpy(), weight * h + bias, rtol=1e-10, atol=1e-11)
    expected = pg.reference.lookup("group_norm").vjp(dy, x, weight, bias, groups=groups)
    for a, b in zip(pg.grad(y, xs, [pg.tensor(dy)]), expected, strict=True):
        np.testing.assert_allclose(a.numpy(), b, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("positions", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("device", ["cpu", "emu"])
def test_few_positions(device: str, dtype: str, positions: int) -> None:
    """Much of the derivatives' terms cancels: bounded by the terms' size, not by what is left."""
    from cases import CASES

    case = CASES["instance_norm"]
    for seed in range(20):
        local = np.random.default_rng(seed)
        x, dy, ddx = (local.standard_normal((2, positions, 3)).astype(dtype) for _ in range(3))
        w, b, ddw, ddb = (local.standard_normal(3).astype(dtype) for _ in range(4))
        example = Example((x, w, b), {"eps": 1e-3})
        actual = engine_orders(case, example, [dy], [ddx, ddw, ddb], device)
        orders = Orders(case, example)
        arguments = ((x, w, b), (dy, x, w, b), (ddx, ddw, ddb, dy, x, w, b))
        r = 1 / np.sqrt(x.astype(np.float64).var(1) + 1e-3).min()
        for order, args in enumerate(arguments):
            truth = orders(order, *(a.astype(np.float64) for a in args))
            terms = (1 + r) ** order * np.prod([1 + np.abs(a).max() for a in args])
            for a, t in zip(actual[order], truth, strict=True):
                assert np.abs(a - t).max() <= 4 * np.finfo(dtype).eps * terms
