"""Initial values: PyTorch's and DCGAN's distributions, and bits that depend on seed and name."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import pygan as pg
from pygan import nn


@pytest.fixture(autouse=True)
def _fresh_stream() -> Iterator[None]:
    nn.init.seed(0)
    yield
    nn.init.seed(0)


def bits(module: nn.Module) -> list[bytes]:
    return [t.numpy().tobytes() for t in module.state_dict().values()]


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (nn.Linear(300, 40), 300),
        (nn.Conv2d(16, 32, (3, 5)), 3 * 5 * 16),
        (nn.Conv2d(16, 32, 3, groups=4), 3 * 3 * 4),
        (nn.ConvTranspose2d(16, 32, 3), 3 * 3 * 32),  # PyTorch's choice, see init.fan_in
        (nn.ConvTranspose2d(16, 32, 3, groups=4), 3 * 3 * 8),
    ],
    ids=repr,
)
def test_default_is_uniform_within_one_over_the_root_of_fan_in(
    layer: nn.Module, fan_in: int
) -> None:
    bound = 1 / np.sqrt(fan_in)
    for p in layer.parameters():
        values = p.numpy()
        assert np.abs(values).max() <= bound
        assert values.std() > 0
    weight = layer.parameters()[0].numpy()
    assert np.abs(weight).max() > 0.98 * bound
    assert abs(weight.mean()) < 5 * bound / np.sqrt(3 * weight.size)
    assert weight.std() == pytest.approx(bound / np.sqrt(3), rel=0.05)


def test_layers_built_by_hand_follow_one_stream() -> None:
    first = [bits(nn.Linear(4, 5)), bits(nn.Conv2d(2, 3, 3))]
    assert first[0] != bits(nn.Linear(4, 5))  # the stream has moved on
    nn.init.seed(0)
    assert [bits(nn.Linear(4, 5)), bits(nn.Conv2d(2, 3, 3))] == first
    nn.init.seed(1)
    assert bits(nn.Linear(4, 5)) != first[0]


def test_named_streams_do_not_depend_on_what_stands_beside() -> None:
    short = nn.Sequential({"a": nn.Linear(4, 5), "b": nn.Linear(5, 6)})
    long = nn.Sequential({"a": nn.Linear(4, 5), "new": nn.BatchNorm(5), "b": nn.Linear(5, 6)})
    for scheme in (nn.init.default_, nn.init.dcgan_):
        scheme(short, seed=2, name="critic")
        scheme(long, seed=2, name="critic")
        for name, p in short.named_parameters():
            assert np.array_equal(p.numpy(), dict(long.named_parameters())[name].numpy())
        before = bits(short)
        scheme(short, seed=2, name="critic")
        assert bits(short) == before
        scheme(short, seed=3, name="critic")
        assert bits(short) != before
        scheme(short, seed=2, name="other")
        assert bits(short) != before


def test_no_two_parameters_share_values() -> None:
    net = nn.Sequential(nn.Linear(64, 64), nn.Linear(64, 64))
    nn.init.default_(net, seed=0, name="x")
    assert not np.array_equal(net[0].weight.numpy(), net[1].weight.numpy())
    assert not np.array_equal(net[0].weight.numpy()[0], net[0].bias.numpy())


def test_dcgan() -> None:
    net = nn.Sequential(nn.Conv2d(32, 64, 4), nn.BatchNorm(4096), nn.Linear(100, 200))
    nn.init.dcgan_(net, seed=0, name="x")
    for layer, mean in zip(net, (0.0, 1.0, 0.0), strict=True):
        values = layer.weight.numpy().astype("float64")
        assert abs(values.mean() - mean) < 0.02 * 5 / np.sqrt(values.size)
        assert values.std() == pytest.approx(0.02, rel=5 / np.sqrt(values.size))
        assert not layer.bias.numpy().any()
    with pytest.raises(pg.ConfigError, match="dcgan_: std"):
        nn.init.dcgan_(net, std=0.0)


def test_default_resets_batch_norm() -> None:
    norm = nn.BatchNorm(3)
    norm.weight.assign_(np.full(3, 5.0, "float32"))
    norm(pg.tensor(np.arange(12, dtype="float32").reshape(4, 3)))
    nn.init.default_(norm, seed=0, name="x")
    assert bits(norm) == bits(nn.BatchNorm(3))


def test_deferred_layers_draw_nothing() -> None:
    with nn.init.deferred():
        layer = nn.Linear(4, 5)
        with nn.init.deferred():
            pass
        assert not nn.Conv2d(1, 2, 3).weight.numpy().any()
    assert not any(p.numpy().any() for p in layer.parameters())
    expected = bits(nn.Linear(4, 5))
    nn.init.seed(0)
    assert bits(nn.Linear(4, 5)) == expected


def test_float64_layers_have_the_bits_of_float32() -> None:
    narrow, wide = nn.Linear(4, 5), nn.Linear(4, 5).to("float64")
    for layer in (narrow, wide):
        nn.init.normal_(layer.weight, 0.0, 1.0, pg.random.Stream(1, "test.normal"))
    np.testing.assert_allclose(wide.weight.numpy(), narrow.weight.numpy(), rtol=1e-6)
