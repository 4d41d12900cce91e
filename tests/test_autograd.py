"""Recording, differentiating and forgetting: the rules of the graph, not of any one operation."""

from __future__ import annotations

import gc

import numpy as np
import pytest

import pygan as pg

rng = np.random.default_rng(0)


def variable(*shape: int, dtype: str = "float64") -> pg.Tensor:
    return pg.tensor(rng.standard_normal(shape).astype(dtype), requires_grad=True)


def live() -> tuple[int, int]:
    gc.collect()
    return pg._core.live_nodes(), pg._core.memory_stats()["live_bytes"]


# Depth and orders


def test_a_chain_of_100_000_ops() -> None:
    nodes, _ = live()
    x = variable(3)
    y = x
    for _ in range(50_000):
        y = (y + 1e-5) * 1.0
    assert pg._core.live_nodes() - nodes >= 100_000
    (dx,) = pg.grad(y.sum(), [x])
    np.testing.assert_array_equal(dx.numpy(), 1.0)
    del y, dx  # destruction must not recurse either
    assert live()[0] == nodes + 1


def test_a_chain_of_100_000_ops_backward_and_with_a_graph_of_its_own() -> None:
    x = variable(1)
    y = x
    for _ in range(100_000):
        y = pg.ops.scale(y, 1.0)
    (dx,) = pg.grad(y, [x], create_graph=True)
    assert dx.item() == 1.0
    y.backward()
    assert x.grad.item() == 1.0
    del y, dx


def test_a_wide_node_accumulates_every_path() -> None:
    x = variable()
    y = sum((x * float(k) for k in range(100)), start=x)
    (dx,) = pg.grad(y, [x])
    assert dx.item() == 1 + 99 * 100 / 2


def test_third_order() -> None:
    x = variable(5)
    y = pg.ops.exp(pg.ops.scale(x, 2.0)) + x * x * x
    for k in range(1, 5):
        (y,) = pg.grad(y.sum(), [x], create_graph=True)
        rest = {1: 3 * x.numpy() ** 2, 2: 6 * x.numpy(), 3: 6, 4: 0}[k]
        np.testing.assert_allclose(y.numpy(), 2**k * np.exp(2 * x.numpy()) + rest, rtol=1e-12)


def test_third_order_of_a_small_network() -> None:
    """A directional derivative of the gradient of <second order, c>, against differences"""
    w, x = variable(4, 3), variable(2, 4)
    c, v = rng.standard_normal((4, 3)), rng.standard_normal((4, 3))

    def second(w: pg.Tensor) -> pg.Tensor:
        y = pg.ops.tanh(x @ w).sum()
        (dw,) = pg.grad(y, [w], create_graph=True)
        (ddw,) = pg.grad((dw * pg.tensor(c)).sum(), [w], create_graph=True)
        return ddw

    (third,) = pg.grad((second(w) * pg.tensor(c)).sum(), [w])
    h = 1e-6
    ahead, behind = (
        (second(pg.tensor(w.numpy() + s * h * v, requires_grad=True)).numpy() * c).sum()
        for s in (1, -1)
    )
    assert (third.numpy() * v).sum() == pytest.approx((ahead - behind) / (2 * h), rel=1e-6)


# What grad takes and gives


def test_default_cotangent_only_for_a_scalar() -> None:
    x = variable(3)
    y = x * 2.0
    with pytest.raises(pg.ShapeError, match=r"\(3,\).*cotangent"):
        pg.grad(y, [x])
    with pytest.raises(pg.ShapeError, match="cotangent"):
        y.backward()
    (dx,) = pg.grad(y.sum(keepdims=True), [x])
    np.testing.assert_array_equal(dx.numpy(), [2, 2, 2])


def test_cotangents_must_fit() -> None:
    x = variable(3)
    y = x * 2.0
    with pytest.raises(pg.ShapeError, match="cotangent of output 0"):
        pg.grad(y, [x], [pg.zeros((2,), "float64")])
    with pytest.raises(pg.Error, match="cotangent of output 0"):
        pg.grad(y, [x], [pg.zeros((3,), "float32")])
    with pytest.raises(pg.ShapeError, match="1 outputs but 2 cotangents"):
        pg.grad(y, [x], [y, y])


def test_several_outputs_and_repeated_inputs() -> None:
    x, z = variable(3), variable(3)
    dys = [rng.standard_normal(3) for _ in range(2)]
    grads = pg.grad([x * z, x + z], [x, z, x], [pg.tensor(d) for d in dys])
    expected = [z.numpy() * dys[0] + dys[1], x.numpy() * dys[0] + dys[1]]
    for g, e in zip(grads, [*expected, expected[0]], strict=True):
        np.testing.assert_allclose(g.numpy(), e, rtol=1e-15)


def test_unused_inputs() -> None:
    x, z = variable(3), variable(2)
    y = (x * 2.0).sum()
    np.testing.assert_array_equal(pg.grad(y, [x, z])[1].numpy(), np.zeros(2))
    y = (x * 2.0).sum()
    dx, dz = pg.grad(y, [x, z], unused="none", retain_graph=True)
    assert dz is None
    assert dx is not None
    with pytest.raises(pg.Error, match=r"do not depend on input 1.*\(2,\)"):
        pg.grad(y, [x, z], unused="raise", retain_graph=True)
    with pytest.raises(pg.ConfigError, match="unused"):
        pg.grad(y, [x, z], unused="ignore")


def test_inputs_must_be_variables() -> None:
    x, constant = variable(3), pg.tensor(np.ones(3))
    with pytest.raises(pg.Error, match=r"input 1.*does not require a gradient"):
        pg.grad((x * constant).sum(), [x, constant])


def test_interior_tensors() -> None:
    x = variable(4)
    h = pg.ops.exp(x)
    y = pg.ops.square(h).sum()
    dx, dh = pg.grad(y, [x, h])
    np.testing.assert_allclose(dh.numpy(), 2 * h.numpy())
    np.testing.assert_allclose(dx.numpy(), 2 * h.numpy() ** 2)
    # The sweep ends at the interior tensor: nothing above it is differentiated.
    h = pg.ops.exp(x)
    y = pg.ops.square(h).sum()
    with pg.trace() as events:
        pg.grad(y, [h])
    assert {e["parent"] for e in events} <= {"", "sum", "square"}


def test_an_output_is_its_own_derivative() -> None:
    x = variable(3)
    dy = rng.standard_normal(3)
    (dx,) = pg.grad(x, [x], [pg.tensor(dy)])
    np.testing.assert_array_equal(dx.numpy(), dy)


# Retaining and releasing


def test_a_second_backward_without_retain_raises() -> None:
    x = variable(3)
    y = pg.ops.exp(x).sum()
    pg.grad(y, [x])
    with pytest.raises(pg.Error, match=r"released.*retain_graph=True"):
        pg.grad(y, [x])
    with pytest.raises(pg.Error, match="released"):
        y.backward()
    y = pg.ops.exp(x).sum()
    first = pg.grad(y, [x], retain_graph=True)[0].numpy()
    np.testing.assert_array_equal(first, pg.grad(y, [x])[0].numpy())


def test_create_graph_retains() -> None:
    x = variable(3)
    y = pg.ops.exp(x).sum()
    pg.grad(y, [x], create_graph=True)
    pg.grad(y, [x])
    y = pg.ops.exp(x).sum()
    pg.grad(y, [x], create_graph=True, retain_graph=False)
    with pytest.raises(pg.Error, match="released"):
        pg.grad(y, [x])


def test_release_frees_memory_at_once() -> None:
    x = variable(1000)
    y = x
    for _ in range(10):
        y = pg.ops.exp(pg.ops.scale(y, 0.1))
    y = y.sum()
    before = live()[1]
    pg.grad(y, [x])
    assert live()[1] <= before - 10 * 8000


def test_without_create_graph_nothing_is_recorded() -> None:
    x = variable(3)
    (dx,) = pg.grad(pg.ops.exp(x).sum(), [x])
    assert not dx.requires_grad
    (dx,) = pg.grad(pg.ops.exp(x).sum(), [x], create_graph=True)
    assert dx.requires_grad
    with pg.no_grad():  # an explicit create_graph records all the same
        with pg.enable_grad():
            y = pg.ops.exp(x).sum()
        assert pg.grad(y, [x], create_graph=True)[0].requires_grad
        assert not pg.is_grad_enabled()


def test_no_grad() -> None:
    x = variable(3)
    with pg.no_grad():
        assert not pg.is_grad_enabled()
        y = pg.ops.exp(x)
        assert not y.requires_grad
        with pg.enable_grad():
            assert (x * 2.0).requires_grad
    assert pg.is_grad_enabled()
    with pytest.raises(pg.Error, match="requires a gradient"):
        y.sum().backward()
    with pytest.raises(RuntimeError, match="left"), pg.no_grad():
        raise RuntimeError("left")
    assert pg.is_grad_enabled()


def test_detach() -> None:
    x = variable(3)
    y = (x.detach() * x).sum()
    np.testing.assert_array_equal(pg.grad(y, [x])[0].numpy(), x.numpy())
    assert not x.detach().requires_grad


# .grad


def test_grad_accumulates() -> None:
    x = variable(3)
    assert x.grad is None
    for k in range(1, 4):
        (x * 2.0).sum().backward()
        np.testing.assert_array_equal(x.grad.numpy(), np.full(3, 2.0 * k))
    x.grad = None
    assert x.grad is None
    (x * 5.0).sum().backward(pg.tensor(np.float64(2.0)))
    np.testing.assert_array_equal(x.grad.numpy(), np.full(3, 10.0))


def test_accumulating_does_not_write_into_a_gradient_somebody_holds() -> None:
    x = variable(3)
    (x * 2.0).sum().backward()
    held = x.grad
    before = held.numpy().copy()
    (x * 2.0).sum().backward()
    np.testing.assert_array_equal(held.numpy(), before)


def test_backward_reaches_leaves_only() -> None:
    x, z = variable(3), pg.tensor(np.ones(3))
    h = x * z
    h.sum().backward()
    assert h.grad is None
    assert z.grad is None
    assert x.grad is not None
    with pytest.raises(pg.Error, match="leaf"):
        h.requires_grad_(True)


def test_a_failing_backward_leaves_every_grad_as_it_was() -> None:
    x, w = variable(3), variable(3)
    shared = pg.ops.exp(x)
    first = shared.sum()
    second = (shared * w).sum()
    first.backward()
    before = x.grad.numpy().copy()
    with pytest.raises(pg.Error, match="released"):
        second.backward()
    np.testing.assert_array_equal(x.grad.numpy(), before)
    assert w.grad is None


# Values that change


def test_a_saved_value_that_was_assigned_raises() -> None:
    x, w = variable(3), variable(3)
    y = (x * w).sum()
    w.assign_(np.zeros(3))
    with pytest.raises(pg.Error, match=r"mul.*changed in place"):
        pg.grad(y, [x])
    y = (x + w).sum()  # add keeps no values
    w.assign_(np.ones(3))
    np.testing.assert_array_equal(pg.grad(y, [x])[0].numpy(), np.ones(3))
    y = pg.ops.exp(x)
    y.assign_(np.zeros(3))
    with pytest.raises(pg.Error, match=r"exp.*changed in place"):
        pg.grad(y, [x], [y.detach()])


def test_a_view_of_an_assigned_value_raises_too() -> None:
    x, w = variable(4), variable(2, 2)
    flat = w.detach().reshape(4)  # the same memory
    y = (x * flat).sum()
    w.assign_(np.zeros((2, 2)))
    with pytest.raises(pg.Error, match="changed in place"):
        pg.grad(y, [x])


def test_assign_checks_shape_and_dtype() -> None:
    x = variable(3)
    with pytest.raises(pg.ShapeError):
        x.assign_(np.zeros(4))
    with pytest.raises(pg.DTypeError):
        x.assign_(pg.zeros((3,), "float32"))


# Work that is not done


def conv_layers(x: pg.Tensor, w: pg.Tensor) -> pg.Tensor:
    return pg.ops.square(pg.ops.conv2d(x, w, padding=1)).sum()


@pytest.mark.parametrize("wanted", ["x", "w", "both"])
def test_only_needed_gradients_are_computed(wanted: str) -> None:
    x = pg.tensor(rng.standard_normal((2, 5, 5, 3)), requires_grad=wanted != "w")
    w = pg.tensor(rng.standard_normal((3, 3, 3, 4)), requires_grad=wanted != "x")
    y = conv_layers(x, w)
    with pg.trace() as events:
        pg.grad(y, [t for t in (x, w) if t.requires_grad])
    ran = {e["op"] for e in events}
    assert ("conv2d_weight_grad" in ran) == (wanted != "x")
    assert ("conv_transpose2d" in ran) == (wanted != "w")


def test_gradients_nobody_asked_for_are_not_computed() -> None:
    x, w = variable(2, 5, 5, 3), variable(3, 3, 3, 4)
    y = conv_layers(x, w)
    with pg.trace() as events:
        pg.grad(y, [x])
    assert "conv2d_weight_grad" not in {e["op"] for e in events}


def test_the_generators_step_computes_no_weight_gradient_of_the_discriminator() -> None:
    z, g = variable(4, 6), variable(6, 5)
    d = pg.tensor(rng.standard_normal((5, 1)))
    loss = pg.ops.matmul(pg.ops.tanh(pg.ops.matmul(z, g)), d).sum()
    with pg.trace() as events:
        pg.grad(loss, [g])
    # back through d to the activation, and g's own gradient: two products, not three
    assert [e["op"] for e in events].count("matmul") == 2
