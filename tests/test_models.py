"""DCGAN's networks: sizes, shapes, the paper's rules, and initial bits that depend on the seed."""

from __future__ import annotations

import numpy as np
import pytest

import pygan as pg
from pygan import nn
from pygan.models import nearest_sizes, split_size, supported_size

SIZES = [(8, 8), (10, 14), (28, 28), (24, 20), (32, 32), (32, 48), (48, 32), (64, 64)]


def latents(n: int, latent: int) -> pg.Tensor:
    return pg.tensor(np.random.default_rng(0).standard_normal((n, latent)).astype("float32"))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", SIZES, ids=lambda s: f"{s[0]}x{s[1]}")
def test_shapes(size: tuple[int, int], channels: int) -> None:
    shape = (*size, channels)
    generator = pg.models.DCGANGenerator(shape, latent=5, width=4)
    for norm in ("batch", None):
        critic = pg.models.DCGANDiscriminator(shape, width=4, norm=norm)
        images = generator(latents(2, 5))
        assert images.shape == (2, *shape)
        assert np.abs(images.numpy()).max() < 1.0
        assert critic(images).shape == (2, 1)


@pytest.mark.parametrize(
    ("size", "base", "layers"),
    [((64, 64), (4, 4), 4), ((28, 28), (7, 7), 2), ((32, 48), (4, 6), 3), ((8, 14), (4, 7), 1)],
)
def test_split_size(size: tuple[int, int], base: tuple[int, int], layers: int) -> None:
    assert split_size(*size) == (base, layers)


def test_supported_sizes_are_exactly_b_times_a_power_of_two() -> None:
    known = {(b << n, c << n) for n in range(1, 6) for b in range(4, 8) for c in range(4, 8)}
    for h in range(1, 130):
        for w in range(1, 130):
            assert supported_size(h, w) == ((h, w) in known)


def test_numpy_integers_are_whole_numbers() -> None:
    critic = pg.models.DCGANDiscriminator(tuple(np.array([8, 8, 1])), width=np.int64(2))
    assert critic.image_shape == (8, 8, 1)
    assert all(type(extent) is int for extent in critic.image_shape)
    with pytest.raises(pg.ConfigError, match="image size: height must be a whole number >= 1"):
        split_size(0, 8)


def test_nearest_sizes_are_nearest() -> None:
    known = [(b << n, c << n) for n in range(1, 8) for b in range(4, 8) for c in range(4, 8)]
    for h, w in [(1, 1), (28, 64), (3, 300), (65, 64), (100, 64), (63, 1)]:
        near = nearest_sizes(h, w, count=1)[0]
        assert supported_size(*near)
        assert abs(near[0] - h) + abs(near[1] - w) == min(abs(a - h) + abs(b - w) for a, b in known)
    assert nearest_sizes(30, 30) == [(28, 28), (32, 32)]
    assert nearest_sizes(100, 100) == [(96, 96), (112, 112)]


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((30, 30, 3), "30x30 does not work; the nearest that do: 28x28 or 32x32"),
        ((28, 64, 1), "nearest that do: 32x56 or 32x48"),
        ((4, 4, 1), "8x8"),
        ((0, 28, 1), "image_shape must be a whole number >= 1, got 0"),
        ((28.0, 28, 1), "image_shape must be a whole number >= 1, got 28.0"),
        ((28, 28, 4), "1 \\(grey\\) or 3 \\(RGB\\)"),
        ((28, 28), "height, width, channels"),
    ],
)
def test_impossible_images_are_refused(shape: tuple[int, ...], message: str) -> None:
    for network in (pg.models.DCGANGenerator, pg.models.DCGANDiscriminator):
        with pytest.raises(pg.ConfigError, match=message):
            network(image_shape=shape)


def test_bad_settings_are_refused() -> None:
    with pytest.raises(pg.ConfigError, match="unknown norm 'bacth': did you mean 'batch'"):
        pg.models.DCGANGenerator((28, 28, 1), norm="bacth")
    with pytest.raises(pg.ConfigError, match="unknown norm"):
        pg.models.DCGANDiscriminator((28, 28, 1), norm=["batch"])  # type: ignore[arg-type]
    with pytest.raises(pg.ConfigError, match="latent must be a whole number >= 1, got 0"):
        pg.models.DCGANGenerator((28, 28, 1), latent=0)
    with pytest.raises(pg.ConfigError, match=r"seed must be a whole number, got 1\.5"):
        pg.models.DCGANGenerator((28, 28, 1), seed=1.5)  # type: ignore[arg-type]
    with pytest.raises(pg.ConfigError, match="width must be a whole number >= 1, got True"):
        pg.models.DCGANDiscriminator((28, 28, 1), width=True)


def test_wrong_inputs_are_named() -> None:
    generator = pg.models.DCGANGenerator((28, 28, 1), latent=5, width=4)
    critic = pg.models.DCGANDiscriminator((28, 28, 1), width=4)
    with pytest.raises(
        pg.ShapeError, match=r"DCGANGenerator: expected latents \(N, 5\), got \(2, 6"
    ):
        generator(latents(2, 6))
    with pytest.raises(pg.ShapeError, match=r"DCGANDiscriminator: expected \(N, 28, 28, 1\), got"):
        critic(pg.zeros((2, 28, 28, 3)))


def test_the_rules_of_the_paper_at_64() -> None:
    generator = pg.models.DCGANGenerator((64, 64, 3), latent=100, width=64)
    critic = pg.models.DCGANDiscriminator((64, 64, 3), width=64)
    ups = [m for m in generator if isinstance(m, nn.ConvTranspose2d)]
    downs = [m for m in critic if isinstance(m, nn.Conv2d)]
    assert [m.in_channels for m in ups] == [512, 256, 128, 64]
    assert [m.out_channels for m in ups] == [256, 128, 64, 3]
    assert [(m.in_channels, m.out_channels) for m in downs] == [
        (3, 64),
        (64, 128),
        (128, 256),
        (256, 512),
    ]
    for m in ups + downs:
        assert (m.kernel_size, m.stride, m.padding) == ((4, 4), (2, 2), (1, 1))
    # No norm at G's output and at D's input; activations as in the paper.
    kinds = [type(m).__name__ for m in generator]
    assert kinds[:4] == ["Linear", "Reshape", "BatchNorm", "ReLU"]
    assert kinds[-2:] == ["ConvTranspose2d", "Tanh"]
    assert [type(m).__name__ for m in critic][:5] == [
        "Conv2d",
        "LeakyReLU",
        "Conv2d",
        "BatchNorm",
        "LeakyReLU",
    ]
    assert {m.negative_slope for m in critic if isinstance(m, nn.LeakyReLU)} == {0.2}


def test_biases_stand_where_no_norm_follows() -> None:
    shape = (28, 28, 1)
    names = set(pg.models.DCGANGenerator(shape, width=4).state_dict())
    assert {
        "project.weight",
        "norm0.weight",
        "norm0.running_var",
        "up1.weight",
        "out.bias",
    } <= names
    assert not {"project.bias", "up1.bias"} & names
    names = set(pg.models.DCGANGenerator(shape, width=4, norm=None).state_dict())
    assert {"project.bias", "up1.bias", "out.bias"} <= names
    assert not any(name.startswith("norm") for name in names)
    names = set(pg.models.DCGANDiscriminator(shape, width=4).state_dict())
    assert {"down0.bias", "norm1.weight", "out.bias"} <= names
    assert "down1.bias" not in names


def test_initial_values() -> None:
    generator = pg.models.DCGANGenerator((64, 64, 3), width=16)
    for name, p in generator.named_parameters():
        values = p.numpy()
        if name.endswith("bias"):
            assert not values.any(), name
            continue
        mean, tolerance = float(p.ndim == 1), 5 / np.sqrt(values.size)
        assert abs(values.mean() - mean) < 0.02 * tolerance, name
        assert abs(values.std() / 0.02 - 1) < tolerance, name


def test_the_seed_decides_the_bits() -> None:
    def bits(network: nn.Module) -> list[bytes]:
        return [t.numpy().tobytes() for t in network.state_dict().values()]

    for make in (pg.models.DCGANGenerator, pg.models.DCGANDiscriminator):
        first = make((28, 28, 1), width=4, seed=3)
        nn.Linear(3, 3)  # what else is built does not matter
        assert bits(make((28, 28, 1), width=4, seed=3)) == bits(first)
        assert bits(make((28, 28, 1), width=4, seed=4)) != bits(first)
    # The two networks of one seed share no stream.
    square = (28, 28, 1)
    up = pg.models.DCGANGenerator(square, width=4, seed=0).out.weight.numpy()
    down = pg.models.DCGANDiscriminator(square, width=4, seed=0).out.weight.numpy()
    assert not np.isin(up, down).any()


def test_building_a_network_leaves_the_stream_of_layers_alone() -> None:
    nn.init.seed(5)
    expected = nn.Linear(3, 4).weight.numpy().copy()
    nn.init.seed(5)
    pg.models.DCGANGenerator((28, 28, 1), width=4)
    assert np.array_equal(nn.Linear(3, 4).weight.numpy(), expected)
    nn.init.seed(0)


def test_a_network_learns() -> None:
    """A few steps of a critic on constant images against noise separate the two."""
    critic = pg.models.DCGANDiscriminator((8, 8, 1), width=4, norm=None, seed=1)
    game = pg.games.NonSaturating()
    optimizer = pg.optim.Adam(critic.parameters(), lr=1e-2)
    rng = np.random.default_rng(0)
    real = pg.tensor(np.full((8, 8, 8, 1), 0.5, "float32"))
    losses = []
    for _ in range(30):
        fake = pg.tensor(rng.standard_normal((8, 8, 8, 1)).astype("float32"))
        loss = game.d_loss(critic(real), critic(fake))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(2 * np.log(2), abs=0.05)
    assert np.mean(losses[-5:]) < 0.7
