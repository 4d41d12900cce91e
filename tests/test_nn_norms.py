"""Norms that keep samples apart: as layers, in networks, in training."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
from train_tools import SIZE, dataset, everything, image_folder, images, tiny_settings

import pygan as pg
from pygan import cli, nn
from pygan.testing import check_grads

NORMS = ("virtual", "reference", "layer", "instance")
SHAPE = (SIZE, SIZE, 1)
rng = np.random.default_rng(0)


def generator(norm: str, **settings: object) -> nn.Module:
    return pg.models.DCGANGenerator(SHAPE, latent=8, width=4, norm=norm, **settings)


def discriminator(norm: str, **settings: object) -> nn.Module:
    return pg.models.DCGANDiscriminator(SHAPE, width=4, norm=norm, **settings)


def pictures(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1, 1, (count, *SHAPE)).astype(np.float32)


def trainer(norm: str, game: str = "wgan-gp", **settings: object) -> pg.Trainer:
    G, D = generator(norm, reference_size=6), discriminator(norm, reference_size=6)
    chosen = pg.games.get(game)
    chosen.check_d_norm(norm)
    return pg.Trainer(G, D, game=chosen, data=dataset(), batch_size=8, seed=0, **settings)


# -------------------------------------------------------------------- layers


def test_layers_are_their_operations() -> None:
    x, ref = (pg.tensor(rng.standard_normal((n, 4, 4, 6)), "float32") for n in (3, 2))
    w, b = (pg.tensor(rng.standard_normal(6), "float32") for _ in range(2))
    cases = [
        (nn.GroupNorm(3, 6), lambda: pg.ops.group_norm(x, 3, w, b)),
        (nn.InstanceNorm(6, affine=True), lambda: pg.ops.instance_norm(x, w, b)),
        (nn.LayerNorm(6), lambda: pg.ops.layer_norm(x, 1, w, b)),
    ]
    for layer, expected in cases:
        layer.weight.assign_(w)
        layer.bias.assign_(b)
        np.testing.assert_array_equal(layer(x).numpy(), expected().numpy())
    assert nn.LayerNorm((4, 4, 6)).weight.shape == (4, 4, 6)
    assert nn.InstanceNorm(6).parameters() == []
    for layer, op in (
        (nn.VirtualBatchNorm(6), pg.ops.virtual_batch_norm),
        (nn.ReferenceBatchNorm(6), pg.ops.reference_batch_norm),
    ):
        layer.weight.assign_(w)
        layer.bias.assign_(b)
        for got, want in zip(layer(x, ref), op(x, ref, w, b), strict=True):
            np.testing.assert_array_equal(got.numpy(), want.numpy())
    np.testing.assert_array_equal(nn.Softmax()(x).numpy(), pg.ops.softmax(x).numpy())
    np.testing.assert_array_equal(nn.LogSoftmax(1)(x).numpy(), pg.ops.log_softmax(x, 1).numpy())


def test_arguments_are_checked() -> None:
    with pytest.raises(pg.ConfigError, match="groups=4 must divide features=6"):
        nn.GroupNorm(4, 6)
    with pytest.raises(pg.ConfigError, match="eps"):
        nn.LayerNorm(3, eps=-1.0)
    with pytest.raises(pg.ConfigError, match="axis"):
        nn.Softmax(axis=1.5)
    with pytest.raises(pg.ShapeError, match="one value a group"):
        nn.GroupNorm(6, 6)(pg.zeros((2, 6)))
    with pytest.raises(pg.ShapeError, match="more than one position"):
        nn.InstanceNorm(6)(pg.zeros((2, 1, 1, 6)))
    with pytest.raises(pg.ConfigError, match=r"called without a reference batch; call it as norm"):
        nn.VirtualBatchNorm(6)(pg.zeros((2, 6)))
    with pytest.raises(pg.ConfigError, match=r'norm "instance" needs positions'):
        pg.models.MLPGenerator(norm="instance")


# -------------------------------------------------------------------- networks


def test_sequential_carries_the_pair() -> None:
    first, norm, last = nn.Linear(3, 4), nn.VirtualBatchNorm(4), nn.Linear(4, 2)
    net = nn.Sequential(first, nn.Sequential(norm, nn.ReLU()), last)
    x, ref = (pg.tensor(rng.standard_normal((n, 3)), "float32") for n in (5, 4))
    h, r = norm(first(x), first(ref))
    y, y_ref = net(x, ref)
    np.testing.assert_array_equal(y.numpy(), last(pg.ops.relu(h)).numpy())
    np.testing.assert_array_equal(y_ref.numpy(), last(pg.ops.relu(r)).numpy())
    kept = nn.ReferenceSequential(first, norm, nn.ReLU(), last)
    kept.keep_reference((4, 3))
    kept.set_reference(ref)
    np.testing.assert_array_equal(kept(x).numpy(), y.numpy())
    assert not nn.ReferenceSequential(first, last).takes_reference


def test_a_discriminator_without_a_reference_batch_says_so() -> None:
    D = discriminator("virtual", reference_size=5)
    with pytest.raises(pg.ConfigError, match="set_reference"):
        D(pg.tensor(pictures(2)))
    with pytest.raises(pg.ShapeError, match=r"must be \(5, 16, 16, 1\), got \(4, 16, 16, 1\)"):
        D.set_reference(pictures(4))
    D.set_reference(pictures(5))
    assert D(pg.tensor(pictures(2))).shape == (2, 1)
    with pytest.raises(pg.ConfigError, match="no layer takes a reference batch"):
        discriminator("layer").set_reference(pictures(5))


@pytest.mark.parametrize("norm", NORMS)
def test_one_examples_output_and_gradient_are_its_own(norm: str) -> None:
    """To the bit, through a whole network, whatever its neighbours in the batch are."""
    D = discriminator(norm, reference_size=5)
    if D.needs_reference:
        D.set_reference(pictures(5, seed=1))
    results = []
    for seed in (2, 3):
        x = pictures(4, seed)
        x[1] = pictures(1, seed=9)[0]
        t = pg.tensor(x, requires_grad=True)
        y = D(t)
        (dx,) = pg.grad(y.sum(), [t])
        results.append((y.numpy()[1].tobytes(), dx.numpy()[1].tobytes()))
        assert not (dx.numpy()[1] == 0).all()
    assert results[0] == results[1]


@pytest.mark.parametrize("norm", ["virtual", "reference"])
def test_derivatives_through_the_reference_batch(norm: str) -> None:
    """Orders 1 and 2 in x, the reference batch and every weight, by differences."""
    layer = nn.VirtualBatchNorm if norm == "virtual" else nn.ReferenceBatchNorm
    net = nn.Sequential(
        nn.Conv2d(1, 2, 2, stride=2, bias=False), layer(2), nn.Softplus(), nn.Flatten(),
        nn.Linear(8, 3, bias=False), layer(3), nn.Tanh(), nn.Linear(3, 1),
    ).to("float64")  # fmt: skip
    pg.nn.init.he_(net, seed=1)
    names, values = zip(*((name, p.numpy()) for name, p in net.named_parameters()), strict=True)
    x, ref = rng.standard_normal((2, 4, 4, 1)), rng.standard_normal((3, 4, 4, 1))

    def f(x: pg.Tensor, ref: pg.Tensor, *weights: pg.Tensor) -> list[pg.Tensor]:
        for name, weight in zip(names, weights, strict=True):
            layer, _, attribute = name.partition(".")
            setattr(getattr(net, layer), attribute, weight)
        return list(net(x, ref))

    check_grads(f, [x, ref, *values], order=2)


@pytest.mark.parametrize("norm", ["virtual", "reference"])
def test_a_kept_reference_batch_is_state(norm: str) -> None:
    G, D = generator(norm, reference_size=5), discriminator(norm, reference_size=5)
    D.set_reference(pictures(5))
    z = pg.tensor(rng.standard_normal((3, 8)), "float32")
    other = discriminator(norm, reference_size=5, seed=4)
    other.load_state_dict(D.state_dict())
    x = pg.tensor(pictures(2, seed=3))
    np.testing.assert_array_equal(other(x).numpy(), D(x).numpy())
    twin = copy.deepcopy(G)
    y = G(z).numpy()
    np.testing.assert_array_equal(twin(z).numpy(), y)
    np.testing.assert_array_equal(G.eval()(z).numpy(), y)
    twin.set_reference(G.reference.numpy() + 1)
    assert not np.array_equal(twin(z).numpy(), y)
    np.testing.assert_array_equal(G(z).numpy(), y)
    wide = G.to("float64")(z.astype("float64"))
    np.testing.assert_allclose(wide.numpy(), y, atol=1e-5)
    assert [p for p in G.named_parameters() if "reference" in p[0]] == []


def test_the_moving_average_copies_the_reference_batch() -> None:
    G = generator("virtual", reference_size=5)
    average = pg.optim.EMA(G, 0.9)
    G.set_reference(G.reference.numpy() * 0.7)
    for _ in range(3):
        average.update()
    np.testing.assert_array_equal(average.module.reference.numpy(), G.reference.numpy())


def test_points_in_the_plane() -> None:
    G = pg.models.MLPGenerator(norm="virtual", width=6, reference_size=4)
    D = pg.models.MLPDiscriminator(norm="reference", width=6, reference_size=4)
    D.set_reference(rng.standard_normal((4, 2)))
    z = pg.tensor(rng.standard_normal((3, 2)), "float32")
    assert D(G(z)).shape == (3, 1)


# -------------------------------------------------------------------- training


@pytest.mark.parametrize("norm", NORMS)
def test_trains_and_resumes_to_the_bit(norm: str, tmp_path: Path) -> None:
    whole = trainer(norm)
    before = whole.digests()
    whole.fit(2, progress=False)
    whole.save(tmp_path / "two")
    whole.fit(2, progress=False)
    resumed = trainer(norm)
    resumed.load(tmp_path / "two")
    resumed.fit(2, progress=False)
    assert everything(resumed) == everything(whole)
    assert all(whole.digests()[part] != digest for part, digest in before.items())


def test_both_networks_with_virtual_norm_learn_the_clothes() -> None:
    """Samples come to less than half of the untrained generator's distance; a third is usual."""
    adam = pg.games.OptimizerSpec("adam", lr=2e-3, betas=(0.5, 0.999))
    shape, common = (28, 28, 1), {"width": 8, "norm": "virtual", "reference_size": 8}
    t = pg.Trainer(
        pg.models.DCGANGenerator(shape, latent=16, **common),
        pg.models.DCGANDiscriminator(shape, **common),
        game=pg.games.NonSaturating(d_optimizer=adam, g_optimizer=adam),
        data=pg.data.load(None, image_size=28),
        batch_size=16,
        ema_decay=0.9,
    )

    def distance() -> float:
        return pg.metrics.swd(t.fixed_samples(256), t.data.held_out[:256])

    untrained = distance()
    t.fit(60, progress=False)
    assert distance() < 0.5 * untrained


def test_the_discriminators_reference_is_training_images() -> None:
    D = trainer("virtual", "non-saturating").D
    everyone = {image.tobytes() for image in pg.data.to_float(dataset().images)}
    chosen = {image.tobytes() for image in D.reference.numpy()}
    assert len(chosen) == 6
    assert chosen <= everyone
    given = discriminator("virtual", reference_size=3).set_reference(pictures(3))
    own = pg.Trainer(generator("batch"), given, data=images(), batch_size=8)
    np.testing.assert_array_equal(own.D.reference.numpy(), pictures(3))


def test_batch_norm_stays_refused_beside_a_penalty() -> None:
    game = pg.games.get("wgan-gp")
    with pytest.raises(pg.ConfigError, match="gradient penalty"):
        game.check_d_norm("batch")
    with pytest.raises(pg.ConfigError, match="batch_norm in training mode"):
        pg.ops.gradient_penalty(discriminator("batch"), *(pg.tensor(pictures(2)),) * 2)


def test_from_the_command_line(tmp_path: Path) -> None:
    image_folder(tmp_path / "images")
    source = ["--data", str(tmp_path / "images"), "--out", str(tmp_path / "runs")]
    settings = ["generator.norm=virtual", "discriminator.norm=reference", "steps=2"]
    settings = tiny_settings(*settings, "generator.reference_size=5")
    assert cli.main(["train", *source, "--name", "a", *settings]) == 0
    assert cli.main(["train", "--resume", str(tmp_path / "runs" / "a"), "--steps", "3"]) == 0
    samples = ["-o", str(tmp_path / "x.png"), "-n", "4"]
    assert cli.main(["sample", str(tmp_path / "runs" / "a"), *samples]) == 0
    (checkpoint,) = (tmp_path / "runs" / "a" / "checkpoints").glob("step-000003*")
    arrays = pg.train.checkpoint.read(checkpoint).tensors
    assert arrays["net/G/reference"].shape == (5, 8)
    assert arrays["net/D/reference"].shape == (8, *SHAPE)  # 0: the batch size


@pytest.mark.parametrize("norm", ["virtual", "reference"])
@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_a_networks_weights_feel_the_reference_batch(which: str, norm: str) -> None:
    """First and second order of a whole network against differences, along random directions."""
    rng = np.random.default_rng(11)
    if which == "generator":
        network = pg.models.MLPGenerator(3, latent=3, width=4, norm=norm, reference_size=3)
        x = pg.tensor(rng.standard_normal((2, 3)))
    else:
        network = pg.models.DCGANDiscriminator((16, 16, 1), width=2, norm=norm, reference_size=3)
        network.set_reference(pg.tensor(rng.uniform(-1, 1, (3, 16, 16, 1)).astype(np.float32)))
        x = pg.tensor(rng.uniform(-1, 1, (2, 16, 16, 1)))
    network.to("float64")
    weights = network.parameters()
    start = [rng.standard_normal(w.shape) * 0.3 for w in weights]  # where it is far from linear
    u, v = ([rng.standard_normal(w.shape) for w in weights] for _ in range(2))

    def loss_at(t: float, direction: list[np.ndarray]) -> pg.Tensor:
        for w, a, b in zip(weights, start, direction, strict=True):
            w.assign_(a + t * b)
        return pg.ops.tanh(network(x)).sum()

    def first(t: float, graph: bool = False) -> pg.Tensor:
        """<d loss / dw, u> at w + t v"""
        grads = pg.grad(loss_at(t, v), weights, create_graph=graph)
        products = [(g * pg.tensor(d)).sum() for g, d in zip(grads, u, strict=True)]
        return pg.ops.stack(products).sum()

    h = 1e-6
    differences = (loss_at(h, u).item() - loss_at(-h, u).item()) / (2 * h)
    np.testing.assert_allclose(first(0.0).item(), differences, rtol=1e-5)
    second = pg.grad(first(0.0, graph=True), weights)
    along = sum(float((g.numpy() * d).sum()) for g, d in zip(second, v, strict=True))
    differences = (first(h).item() - first(-h).item()) / (2 * h)
    np.testing.assert_allclose(along, differences, rtol=1e-5)


@pytest.mark.parametrize(
    ("activation", "fused"),
    [(nn.ReLU(), True), (nn.LeakyReLU(0.2), True), (nn.LeakyReLU(-0.2), False), (nn.ELU(), False)],
)
def test_batch_norm_and_a_rectifier_are_one_operation(activation: nn.Module, fused: bool) -> None:
    """To the bit what the layers give one by one: output, gradients and running statistics."""
    x = np.random.default_rng(0).standard_normal((6, 4, 4, 5)).astype(np.float32)
    found = []
    for together in (True, False):
        norm = nn.BatchNorm(5)
        network = nn.Sequential(norm, activation)
        t = pg.tensor(x, requires_grad=True)
        if together:
            y, recording = pg._core.capture(network, t)
            assert ("batch_norm_leaky_relu" in recording.ops) == fused
        else:
            y = activation(norm(t))
        (dx,) = pg.grad(pg.ops.square(y).sum(), [t], create_graph=True)
        grads = pg.grad(pg.ops.square(dx).sum(), [t, norm.weight])
        found.append([v.numpy() for v in (y, dx, *grads, *network.buffers())])
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b, strict=True)
    z = network.eval()(t)
    np.testing.assert_array_equal(z.numpy(), activation(norm(t)).numpy())


def test_a_batch_norm_of_ones_own_is_called_itself() -> None:
    class Doubled(nn.BatchNorm):
        def forward(self, x: pg.Tensor) -> pg.Tensor:
            return super().forward(x) * 2.0

    x = pg.tensor(np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32))
    y = nn.Sequential(Doubled(5), nn.ReLU())(x)
    np.testing.assert_array_equal(y.numpy(), pg.ops.relu(Doubled(5)(x)).numpy())
