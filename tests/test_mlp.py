"""Multilayer perceptrons: shapes, norms, initial values, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan.models import NORMS, MLPDiscriminator, MLPGenerator
from pygan.random import Stream


def draws(*shape: int) -> pg.Tensor:
    return pg.tensor(np.random.default_rng(0).standard_normal(shape).astype("float32"))


@pytest.mark.parametrize("norm", [n for n in NORMS if n != "instance"], ids=str)
@pytest.mark.parametrize("shape", [(2,), (8, 6, 3)], ids=str)
def test_shapes(shape: tuple[int, ...], norm: str | None) -> None:
    G = MLPGenerator(shape, latent=3, width=8, depth=2, norm=norm)
    D = MLPDiscriminator(shape, width=8, depth=2, norm=norm)
    if D.needs_reference:  # G draws its own
        D.set_reference(draws(64, *shape))
    G.eval()
    D.eval()
    fake = G(draws(5, 3))
    assert fake.shape == (5, *shape)
    assert D(fake).shape == (5, 1)
    if len(shape) == 3:
        assert np.abs(fake.numpy()).max() < 1.0


def test_points_are_not_bounded() -> None:
    fake = MLPGenerator(width=32, seed=1)(100.0 * draws(50, 2))
    assert np.abs(fake.numpy()).max() > 5.0


def test_batch_norm_stands_where_it_should() -> None:
    def names(network: pg.nn.Module) -> list[str]:
        return [name for name, _ in network.named_parameters()]

    norm = ["weight", "bias"]
    assert names(MLPGenerator(depth=2, norm="batch")) == [
        "linear0.weight",
        *(f"norm0.{n}" for n in norm),
        "linear1.weight",
        *(f"norm1.{n}" for n in norm),
        "out.weight",
        "out.bias",
    ]
    # not after D's input layer, which therefore keeps its bias
    assert names(MLPDiscriminator(depth=2, norm="batch")) == [
        "linear0.weight",
        "linear0.bias",
        "linear1.weight",
        *(f"norm1.{n}" for n in norm),
        "out.weight",
        "out.bias",
    ]


def test_initial_values_are_hes_from_named_streams() -> None:
    G = MLPGenerator(latent=16, width=200, depth=2, seed=4)
    weights = {name: p.numpy() for name, p in G.named_parameters()}
    for name, fan_in, gain in [("linear0", 16, 2.0), ("linear1", 200, 2.0), ("out", 200, 1.0)]:
        weight = weights[f"{name}.weight"]
        assert weight.shape[0] == fan_in
        assert weight.var() == pytest.approx(gain / fan_in, rel=0.15), name
        assert not weights[f"{name}.bias"].any()
    stream = Stream(4, "init.generator.linear1.weight")
    expected = stream.normal((200, 200)).numpy() * np.float32(np.sqrt(2 / 200))
    np.testing.assert_array_equal(weights["linear1.weight"], expected)
    D = MLPDiscriminator(width=200, depth=2)
    slope = dict(D.named_parameters())["linear1.weight"].numpy().var() * 200
    assert slope == pytest.approx(2 / (1 + 0.2**2), rel=0.05)


def test_signals_keep_their_size_through_many_layers() -> None:
    D = MLPDiscriminator(64, width=256, depth=8)
    x = draws(64, 64)
    for name, layer in D.named_children():
        x = layer(x)
        if name.startswith("lrelu"):
            assert 0.3 < float((x.numpy() ** 2).mean()) < 3.0, name


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MLPGenerator((2, 3)), r"shape must be a number of values or \(height"),
        (lambda: MLPGenerator("ab"), "shape must be a number of values"),
        (lambda: MLPDiscriminator(0), "each extent of shape must be a whole number >= 1, got 0"),
        (lambda: MLPGenerator(latent=0), "MLPGenerator: latent must be"),
        (lambda: MLPGenerator(width=0), "MLPGenerator: width must be"),
        (lambda: MLPDiscriminator(depth=0), "MLPDiscriminator: depth must be"),
        (lambda: MLPGenerator(norm="instance"), "needs positions to normalise over"),
        (lambda: MLPDiscriminator(norm="bach"), "unknown norm 'bach'.* 'batch'"),
    ],
)
def test_settings_that_cannot_work_are_refused(make, message: str) -> None:
    with pytest.raises(pg.ConfigError, match=message):
        make()


def test_other_shapes_are_refused_by_name() -> None:
    with pytest.raises(
        pg.ShapeError, match=r"MLPGenerator: expected latents \(N, 2\), got \(4, 3\)"
    ):
        MLPGenerator()(draws(4, 3))
    with pytest.raises(pg.ShapeError, match=r"MLPDiscriminator: expected \(N, 8, 8, 1\), got"):
        MLPDiscriminator((8, 8, 1))(draws(4, 2))
