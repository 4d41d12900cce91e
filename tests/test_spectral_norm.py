"""Spectral normalisation against NumPy's singular values, and what it must not leave behind."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
from train_tools import SIZE, dataset, everything

import pygan as pg
from pygan import nn
from pygan.nn import pending

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(5, 7), (3, 5)),
    "conv": (lambda: nn.Conv2d(3, 4, (3, 2), stride=2, padding=1), (2, 5, 6, 3)),
    "grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), (2, 5, 6, 4)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 4, stride=2, padding=1), (2, 4, 3, 3)),
}


def make(which: str, dtype: str = "float64") -> tuple[nn.SpectralNorm, pg.Tensor]:
    nn.init.seed(3)
    layer, shape = LAYERS[which]
    x = np.random.default_rng(1).standard_normal(shape).astype(dtype)
    return nn.SpectralNorm(layer()).to(dtype), pg.tensor(x)


def matrix(norm: nn.SpectralNorm) -> np.ndarray:
    """Rows: inputs of one output feature; columns: output features. Straight from the weight."""
    w = norm.layer.weight.numpy()
    if isinstance(norm.layer, nn.ConvTranspose2d):  # (kh, kw, out, in)
        w = w.transpose(0, 1, 3, 2)
    return w.reshape(-1, w.shape[-1])


def largest(m: np.ndarray) -> float:
    return float(np.linalg.svd(m, compute_uv=False)[0])


@pytest.mark.parametrize("which", LAYERS)
def test_many_iterations_find_the_spectral_norm(which: str) -> None:
    norm, x = make(which)
    for _ in range(400):
        norm(x)
    plain = copy.deepcopy(norm.layer)
    plain.weight.assign_(norm.layer.weight.numpy() / largest(matrix(norm)))
    for training in (True, False):
        y = norm.train(training)(x)
        np.testing.assert_allclose(y.numpy(), plain(x).numpy(), rtol=1e-9, atol=1e-12)
    assert np.linalg.norm(norm.u.numpy()) == pytest.approx(1, rel=1e-12)
    _, _, right = np.linalg.svd(matrix(norm))
    assert abs(right[0] @ norm.u.numpy()) == pytest.approx(1, abs=1e-9)


def test_one_power_iteration_a_training_forward() -> None:
    norm, x = make("linear")
    m, u = matrix(norm), norm.u.numpy().copy()
    for _ in range(3):
        v = m @ u / np.linalg.norm(m @ u)
        u = m.T @ v / np.linalg.norm(m.T @ v)
        y = norm(x)
        np.testing.assert_allclose(norm.u.numpy(), u, rtol=1e-12)
        expected = x.numpy() @ (m / (v @ m @ u)) + norm.layer.bias.numpy()
        np.testing.assert_allclose(y.numpy(), expected, rtol=1e-12)
    before = norm.u.numpy().tobytes()
    norm.eval()(x)
    assert norm.u.numpy().tobytes() == before


def test_evaluation_does_not_mind_the_length_of_u() -> None:
    """The averaged generator has an average of unit vectors."""
    norm, x = make("conv")
    y = norm.eval()(x).numpy()
    norm.u.assign_(norm.u.numpy() * 0.3)
    np.testing.assert_allclose(norm(x).numpy(), y, rtol=1e-12)


def test_the_lipschitz_bound() -> None:
    norm, _ = make("linear")
    norm.layer.weight.assign_(norm.layer.weight.numpy() * 40)
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal((500, 5)) for _ in range(2))
    for _ in range(400):
        norm(pg.tensor(a[:1]))
    fa, fb = (norm.eval()(pg.tensor(p)).numpy() for p in (a, b))
    ratios = np.linalg.norm(fa - fb, axis=1) / np.linalg.norm(a - b, axis=1)
    assert ratios.max() <= 1 + 1e-9
    assert ratios.max() > 0.7  # the bound is not met by shrinking everything
    plain = np.linalg.norm((a - b) @ matrix(norm), axis=1) / np.linalg.norm(a - b, axis=1)
    assert plain.max() > 5


@pytest.mark.parametrize("which", LAYERS)
def test_gradients_reach_the_raw_weight(which: str) -> None:
    """Against differences, with the vectors held; a missing path through sigma would show."""
    norm, x = make(which)
    norm.eval()  # the stored u; v is derived from it, by which sigma does not change to first order
    direction = np.random.default_rng(5).standard_normal(norm.layer.weight.shape)
    cotangent = pg.tensor(np.random.default_rng(6).standard_normal(norm(x).shape))
    weight = norm.layer.weight

    def loss() -> pg.Tensor:
        return (norm(x) * cotangent).sum()

    (dw,) = pg.grad(loss(), [weight])
    start, ends = weight.numpy().copy(), []
    for sign in (1, -1):
        weight.assign_(start + sign * 1e-6 * direction)
        ends.append(loss().item())
    weight.assign_(start)
    slope = (ends[0] - ends[1]) / 2e-6
    assert (dw.numpy() * direction).sum() == pytest.approx(slope, rel=1e-6)
    # W / sigma does not change with the length of W
    without_bias = dw.numpy()
    assert (without_bias * start).sum() == pytest.approx(0, abs=1e-9)


def test_within_a_gradient_penalty() -> None:
    nn.init.seed(0)
    D = nn.Sequential(
        nn.SpectralNorm(nn.Conv2d(1, 3, 3, padding=1)),
        nn.Tanh(),
        nn.Flatten(),
        nn.SpectralNorm(nn.Linear(48, 1)),
    )
    D.to("float64").eval()
    x = pg.tensor(np.random.default_rng(0).standard_normal((3, 4, 4, 1)))
    weights = D.parameters()

    def value() -> pg.Tensor:
        return pg.ops.gradient_penalty(D, x, None, kind="r1", weight=50.0)

    grads = pg.grad(value(), weights, unused="zero")
    rng = np.random.default_rng(1)
    for p, g in zip(weights, grads, strict=True):
        start, direction, ends = p.numpy().copy(), rng.standard_normal(p.shape), []
        for sign in (1, -1):
            p.assign_(start + sign * 1e-6 * direction)
            ends.append(value().item())
        p.assign_(start)
        slope = (ends[0] - ends[1]) / 2e-6
        assert (g.numpy() * direction).sum() == pytest.approx(slope, rel=1e-5, abs=1e-8)
    assert any(abs(g.numpy()).max() > 1e-3 for g in grads)


def test_a_dropped_transaction_leaves_no_trace() -> None:
    norm, x = make("linear")
    before = norm.u.numpy().copy()
    with pending.transaction() as values:
        first, second = norm(x).numpy(), norm(x).numpy()
        assert np.array_equal(norm.u.numpy(), before)
        assert not np.array_equal(first, second)  # the second pass goes on from the first's u
        values.drop()
    assert np.array_equal(norm.u.numpy(), before)
    with pending.transaction() as values:
        norm(x)
        norm(x)
        values.commit()
    committed = norm.u.numpy().copy()
    norm.u.assign_(before)
    norm(x)
    norm(x)
    assert np.array_equal(norm.u.numpy(), committed)


def test_only_the_three_layers() -> None:
    for layer in (nn.ReLU(), nn.Sequential(nn.Linear(2, 2)), nn.SpectralNorm(nn.Linear(2, 2))):
        with pytest.raises(pg.ConfigError, match="must be a Linear, Conv2d or ConvTranspose2d"):
            nn.SpectralNorm(layer)


def test_a_whole_model_by_one_setting() -> None:
    shape = (SIZE, SIZE, 1)
    for model in (pg.models.DCGANGenerator, pg.models.DCGANDiscriminator):
        one, two, other = (model(shape, width=4, norm="spectral", seed=s) for s in (0, 0, 1))
        layers = [m for m in one.modules() if isinstance(m, nn.SpectralNorm)]
        weights = [p for p in one.parameters() if p.ndim > 1]
        assert len(layers) == len(weights) == 3
        for name, tensor in one.state_dict().items():
            assert np.array_equal(tensor.numpy(), two.state_dict()[name].numpy())
            if name.endswith(".u"):
                assert not np.array_equal(tensor.numpy(), other.state_dict()[name].numpy())
        for layer in layers:  # usable at once: some iterations were made
            m, u = matrix(layer).astype("float64"), layer.u.numpy().astype("float64")
            assert np.linalg.norm(m @ u) / np.linalg.norm(u) > 0.9 * largest(m)


def spectral_trainer() -> pg.Trainer:
    G = pg.models.DCGANGenerator((SIZE, SIZE, 1), latent=8, width=4, norm="spectral")
    D = pg.models.DCGANDiscriminator((SIZE, SIZE, 1), width=4, norm="spectral")
    game = pg.games.Hinge(extra_penalties=[pg.games.Penalty("r1", 1.0)])
    return pg.Trainer(G, D, game=game, data=dataset(), batch_size=8, seed=0)


def test_training_resumes_to_the_bit_and_a_failed_update_leaves_no_trace(tmp_path) -> None:
    whole = spectral_trainer()
    whole.fit(5, progress=False)
    first = spectral_trainer()
    first.fit(3, progress=False)
    first.save(tmp_path / "x.safetensors")
    second = spectral_trainer()
    second.load(tmp_path / "x.safetensors")
    second.fit(2, progress=False)
    assert everything(second) == everything(whole)
    # D's vectors move in its own updates only: real, fake and the penalty are three iterations.
    weight = second.D.state_dict()["out.layer.weight"]
    array = weight.numpy().copy()
    array.flat[0] = np.nan
    weight.assign_(array)
    before = everything(second)
    with pytest.raises(pg.NonFiniteError, match=r"out\.layer\.weight was not finite before"):
        second.train_step()
    assert everything(second) == before
