"""Real samples and fakes through D as one batch: the same loss, gradients and statistics."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.models import NORMS
from pygan.nn import batches, pending
from pygan.train import update


def networks(norm: str | None, seed: int = 0) -> tuple[pg.nn.Module, pg.nn.Module]:
    G = pg.models.DCGANGenerator((16, 16, 3), latent=8, width=4)
    D = pg.models.DCGANDiscriminator((16, 16, 3), width=4, norm=norm)
    for network, name in ((G, "g"), (D, "d")):
        pg.nn.init.dcgan_(network, seed=seed, name=name)
        network.to("float64")
    if D.reference is not None:
        D.set_reference(pg.tensor(np.random.default_rng(1).standard_normal(D.reference.shape)))
    return G, D


def d_loss_and_rest(norm: str | None) -> tuple[float, list[np.ndarray], list[np.ndarray], int]:
    """Loss, gradients of D, new statistics, and how often D's first layer ran."""
    G, D = networks(norm)
    rng = np.random.default_rng(2)
    real, z = pg.tensor(rng.standard_normal((6, 16, 16, 3))), pg.tensor(rng.standard_normal((6, 8)))
    with pending.transaction() as values, pg.trace() as events:
        loss = update.d_loss(pg.games.NonSaturating(), G, D, real, z, [])
        grads = pg.grad(loss, list(D.parameters()))
    shapes = [e["inputs"][0] for e in events if e["op"] == "conv2d" and not e["parent"]]
    first = sum("16, 16, 3)" in shape for shape in shapes)
    return loss.item(), [g.numpy() for g in grads], [v.numpy() for _, v in values], first


@pytest.mark.parametrize("norm", sorted(NORMS, key=str))
def test_one_pass_gives_what_two_give(norm: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    loss, grads, statistics, passes = d_loss_and_rest(norm)
    monkeypatch.setattr(batches, "joins_batches", lambda network: False)
    loss2, grads2, statistics2, passes2 = d_loss_and_rest(norm)
    assert passes < passes2
    if norm == "spectral":  # one power iteration instead of two: what they estimate is the same
        assert loss == pytest.approx(loss2, rel=0.1)
        assert len(statistics) == len(statistics2)
        return
    assert loss == pytest.approx(loss2, rel=1e-12)
    assert len(statistics) == len(statistics2)
    for a, b in zip([*grads, *statistics], [*grads2, *statistics2], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12 * np.abs(b).max())


def test_statistics_of_each_part_are_its_own_to_the_bit() -> None:
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal((6, 5, 5, 3)).astype(np.float32) for _ in range(2))
    w, b = (rng.standard_normal(3).astype(np.float32) for _ in range(2))
    for op, slope in ((pg.ops.batch_norm, ()), (pg.ops.batch_norm_leaky_relu, (0.2,))):
        found = op(pg.tensor(x), pg.tensor(w), pg.tensor(b), *slope, parts=3)
        for p in range(3):
            one = op(pg.tensor(x[2 * p : 2 * p + 2]), pg.tensor(w), pg.tensor(b), *slope)
            np.testing.assert_array_equal(found[0].numpy()[2 * p : 2 * p + 2], one[0].numpy())
            for joint, alone in zip(found[1:], one[1:], strict=True):
                np.testing.assert_array_equal(joint.numpy()[p], alone.numpy())
    _, mean, var = pg.ops.batch_norm(pg.tensor(x), None, None, parts=3)
    found = pg.ops.batch_norm_grad(pg.tensor(x), None, pg.tensor(dy), mean, var, parts=3)
    assert [t.shape for t in found] == [x.shape, (3, 3), (3, 3)]
    part = slice(4, 6)
    one = pg.ops.batch_norm_grad(pg.tensor(x[part]), None, pg.tensor(dy[part]), mean[2], var[2])
    np.testing.assert_array_equal(found[0].numpy()[part], one[0].numpy())
    np.testing.assert_array_equal(found[1].numpy()[2], one[1].numpy())


def test_parts_that_do_not_fit() -> None:
    x, c = pg.ones((6, 3)), pg.ones((3,))
    with pytest.raises(pg.ShapeError, match=r"batch_norm: x \(6, 3\) .* 4 equal parts"):
        pg.ops.batch_norm(x, c, c, parts=4)
    with pytest.raises(pg.ShapeError, match="0 equal parts"):
        pg.ops.batch_norm_leaky_relu(x, c, c, parts=0)
    with pytest.raises(pg.ShapeError, match=r"2 parts needs mean and var of \(2, 3\), got \(3,\)"):
        pg.ops.batch_norm_grad(x, c, x, c, c, parts=2)
    layer = pg.nn.BatchNorm(3)
    with batches.in_parts(3), pytest.raises(pg.ShapeError, match="at least 2 values"):
        layer(pg.ones((3, 3)))


def test_spectral_norm_iterates_once_an_update() -> None:
    _, D = networks("spectral")
    real, z = pg.tensor(np.ones((2, 16, 16, 3))), pg.tensor(np.ones((2, 8)))
    vectors = []
    for step in (
        lambda: D(real),
        lambda: update.d_loss(pg.games.Hinge(), networks(None)[0], D, real, z, []),
    ):
        with pending.transaction() as values:
            step()
        vectors.append([v.numpy() for _, v in values])
    for a, b in zip(*vectors, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("references", [5, 6])
def test_a_reference_batch_is_one_batch(references: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batch norm before a norm by reference: x is two batches, the reference batch is not."""
    losses = []
    for joins in (batches.joins_batches, lambda network: False):
        monkeypatch.setattr(batches, "joins_batches", joins)
        D = pg.nn.ReferenceSequential(
            pg.nn.Linear(2, 4), pg.nn.BatchNorm(4), pg.nn.VirtualBatchNorm(4), pg.nn.Linear(4, 1)
        )
        pg.nn.init.dcgan_(D, seed=0, name="d")
        D.keep_reference((references, 2))
        D.set_reference(
            pg.tensor(np.random.default_rng(0).standard_normal((references, 2)), "float32")
        )
        G = pg.models.MLPGenerator(2, latent=2, width=4, depth=1)
        real, z = (
            pg.tensor(np.random.default_rng(i).standard_normal((4, 2)), "float32") for i in (1, 2)
        )
        with pending.transaction():
            losses.append(update.d_loss(pg.games.NonSaturating(), G, D, real, z, []).item())
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)


@pytest.mark.parametrize("n", [6, 100, 1000])
@pytest.mark.parametrize("outputs", [1, 2])
def test_a_critics_last_bias_has_no_gradient(n: int, outputs: int) -> None:
    """The slopes 1/n and -1/n add up to 0, of which Adam would make a step if it were 1e-9."""
    G = pg.models.MLPGenerator(2, latent=2, width=4, depth=1)
    D = pg.nn.Sequential(pg.nn.Linear(2, 8), pg.nn.LeakyReLU(0.2), pg.nn.Linear(8, outputs))
    rng = np.random.default_rng(0)
    real, z = (pg.tensor(rng.standard_normal((n, 2)), "float32") for _ in range(2))
    loss = update.d_loss(pg.games.WGAN(), G, D, real, z, [])
    bias = list(D.parameters())[-1]
    (db,) = pg.grad(loss, [bias])
    np.testing.assert_array_equal(db.numpy(), np.zeros(outputs, np.float32))


class Mixing(pg.nn.Module):
    """A layer of a user's: it looks across the batch."""

    def forward(self, x: pg.Tensor) -> pg.Tensor:
        return x - x.mean(axis=0)


class Derived(pg.nn.Linear):
    def forward(self, x: pg.Tensor) -> pg.Tensor:
        return super().forward(x - x.mean(axis=0))


def test_layers_that_nobody_vouches_for_get_their_batches_one_by_one() -> None:
    plain = pg.nn.Sequential(pg.nn.Linear(2, 3), pg.nn.ReLU(), pg.nn.Linear(3, 1))
    assert batches.joins_batches(plain)
    assert not batches.joins_batches(pg.nn.Sequential(Mixing(), pg.nn.Linear(2, 1)))
    assert not batches.joins_batches(pg.nn.Sequential(Derived(2, 1)))
    assert not batches.joins_batches(pg.nn.Sequential(pg.nn.Linear(2, 3), pg.nn.Softmax(0)))
    for method in ("forward", "with_weight"):
        replaced = pg.nn.Sequential(pg.nn.SpectralNorm(pg.nn.Linear(2, 1)))
        assert batches.joins_batches(replaced)
        setattr(replaced[0].layer, method, lambda *inputs: inputs[0])
        assert not batches.joins_batches(replaced)
    norm = pg.nn.BatchNorm(3)
    assert batches.joins_batches(pg.nn.Sequential(norm, pg.nn.LayerNorm(3)))
    assert not batches.joins_batches(pg.nn.Sequential(norm, pg.nn.ReLU(), norm))
    assert not batches.joins_batches(pg.nn.Sequential(pg.nn.LayerNorm((4, 3))))


def test_parts_end_with_the_context() -> None:
    def fails() -> None:
        with batches.in_parts(2):
            raise RuntimeError(batches.parts())

    with pytest.raises(RuntimeError, match="2"):
        fails()
    assert batches.parts() == 1
