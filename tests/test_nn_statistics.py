"""BatchNorm's running statistics, as plain forwards write them and as a transaction holds them."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import pygan as pg
from pygan import nn
from pygan.nn import pending


def array(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape) * 2 + 1


def layer(features: int = 3, **settings: float) -> nn.BatchNorm:
    norm = nn.BatchNorm(features, **settings).to("float64")
    norm.weight.assign_(array(features, seed=8))
    norm.bias.assign_(array(features, seed=9))
    return norm


def statistics(norm: nn.BatchNorm) -> list[np.ndarray]:
    return [b.numpy().copy() for b in norm.buffers()]


def expected_statistics(batches: list[np.ndarray], momentum: float = 0.1) -> list[np.ndarray]:
    """The formula: the variance that is kept is unbiased."""
    features = batches[0].shape[-1]
    mean, var = np.zeros(features), np.ones(features)
    for x in batches:
        x = x.reshape(-1, features)
        mean = (1 - momentum) * mean + momentum * x.mean(0)
        var = (1 - momentum) * var + momentum * x.var(0, ddof=1)
    return [mean, var, np.array(len(batches))]


def assert_statistics(norm: nn.BatchNorm, batches: list[np.ndarray], momentum: float = 0.1) -> None:
    for got, want in zip(statistics(norm), expected_statistics(batches, momentum), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("shape", [(5, 3), (4, 2, 6, 3)])
def test_training_normalises_by_the_batch(shape: tuple[int, ...]) -> None:
    norm, x = layer(eps=1e-3, momentum=0.3), array(*shape)
    axes = tuple(range(len(shape) - 1))
    hat = (x - x.mean(axes)) / np.sqrt(x.var(axes) + 1e-3)  # the batch's variance is biased
    expected = hat * norm.weight.numpy() + norm.bias.numpy()
    np.testing.assert_allclose(norm(pg.tensor(x)).numpy(), expected, rtol=1e-10, atol=1e-12)
    assert_statistics(norm, [x], momentum=0.3)


def test_evaluation_uses_running_statistics_and_changes_nothing() -> None:
    norm, x = layer(), array(5, 3)
    norm(pg.tensor(x))
    norm.eval()
    before = statistics(norm)
    y = array(1, 3, seed=1)  # one row is enough in evaluation
    expected = (y - before[0]) / np.sqrt(before[1] + 1e-5) * norm.weight.numpy()
    np.testing.assert_allclose(norm(pg.tensor(y)).numpy(), expected + norm.bias.numpy(), rtol=1e-10)
    assert all(np.array_equal(a, b) for a, b in zip(statistics(norm), before, strict=True))


def test_without_affine_there_is_nothing_to_train() -> None:
    norm = nn.BatchNorm(3, affine=False).to("float64")
    assert norm.parameters() == []
    assert list(norm.state_dict()) == ["running_mean", "running_var", "num_batches_tracked"]
    x = array(7, 3)
    y = norm(pg.tensor(x)).numpy()
    np.testing.assert_allclose(y, (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5), rtol=1e-10)
    assert norm.eval()(pg.tensor(x)).shape == (7, 3)


def test_statistics_are_not_recorded() -> None:
    """Statistics must not hold the graph of the batch that they came from."""
    norm = layer()
    x = pg.tensor(array(5, 3), requires_grad=True)
    for _ in range(3):
        norm(x).sum().backward()
    assert not any(b.requires_grad for b in norm.buffers())
    with pending.transaction() as values:
        norm(x)
    assert not any(value.requires_grad for _, value in values)


def test_a_forward_writes_at_its_end() -> None:
    norm, batches = layer(), [array(5, 3, seed=s) for s in range(3)]
    for x in batches:
        norm(pg.tensor(x))
    assert_statistics(norm, batches)


def test_a_transaction_holds_values_back_until_the_commit() -> None:
    norm, x = layer(), array(5, 3)
    before = statistics(norm)
    with pending.transaction() as values:
        assert pending.current() is values
        y = norm(pg.tensor(x))
        y.sum().backward()
        assert len(values) == 3
        assert all(np.array_equal(a, b) for a, b in zip(statistics(norm), before, strict=True))
    assert pending.current() is None
    assert all(np.array_equal(a, b) for a, b in zip(statistics(norm), before, strict=True))
    values.commit()  # after the transaction is over, too
    assert len(values) == 0
    assert_statistics(norm, [x])


def test_two_forwards_in_a_transaction_chain() -> None:
    """D on real and on fake: the bits of two plain forwards."""
    real, fake = array(5, 3), array(4, 3, seed=1)
    plain, held = layer(), layer()
    for x in (real, fake):
        plain(pg.tensor(x))
    with pending.transaction() as values:
        for x in (real, fake):
            held(pg.tensor(x))
        values.commit()
    for a, b in zip(statistics(plain), statistics(held), strict=True):
        assert np.array_equal(a, b)


def test_evaluation_within_a_transaction_sees_the_pending_values() -> None:
    plain, held = layer(), layer()
    x, y = pg.tensor(array(5, 3)), pg.tensor(array(4, 3, seed=1))
    plain(x)
    with pending.transaction() as values:
        held(x)
        inside = held.eval()(y).numpy()
        values.drop()
    assert np.array_equal(inside, plain.eval()(y).numpy())


@pytest.mark.parametrize("how", ["drop", "forget", "raise"])
def test_a_failed_update_leaves_no_trace(how: str) -> None:
    norm = layer()
    norm(pg.tensor(array(5, 3)))
    before = statistics(norm)
    try:
        with pending.transaction() as values:
            norm(pg.tensor(array(5, 3, seed=1)))
            if how == "drop":
                values.drop()
                values.commit()
            elif how == "raise":
                raise FloatingPointError
    except FloatingPointError:
        pass
    assert pending.current() is None
    assert all(np.array_equal(a, b) for a, b in zip(statistics(norm), before, strict=True))
    norm(pg.tensor(array(4, 3, seed=2)))
    assert_statistics(norm, [array(5, 3), array(4, 3, seed=2)])


def test_nested_transactions() -> None:
    norm, x = layer(), array(5, 3)
    with pending.transaction() as outer:
        norm(pg.tensor(x))
        with pending.transaction() as kept:
            norm(pg.tensor(x))
        kept.commit()
        with pending.transaction() as dropped:
            norm(pg.tensor(x))
        assert len(dropped) == 3
        assert statistics(norm)[2] == 0
    outer.commit()
    assert_statistics(norm, [x, x])


def test_a_transaction_belongs_to_its_thread() -> None:
    norm, x = layer(), array(5, 3)
    with pending.transaction() as values:
        worker = threading.Thread(target=lambda: norm(pg.tensor(x)))
        worker.start()
        worker.join()
        assert len(values) == 0
    assert_statistics(norm, [x])
