"""The CPU's memory: blocks never overlap, and what is freed serves other sizes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import pygan as pg
from pygan import _core

MIB = 1 << 18  # float32 elements


def cached() -> int:
    return _core.memory_stats()["cached_bytes"]


@given(st.lists(st.tuples(st.integers(1, 400_000), st.booleans()), max_size=30))
def test_blocks_never_overlap(plan: list[tuple[int, bool]]) -> None:
    live: list[tuple[float, pg.Tensor]] = []
    for i, (size, free) in enumerate(plan):
        if free and live:
            live.pop(len(live) // 2)
        live.append((float(i), pg.full((size,), float(i))))
        assert _core.data_pointer(live[-1][1]) % 64 == 0
    for value, tensor in live:
        assert np.all(tensor.numpy() == value)


def test_freed_blocks_join_and_serve_another_size() -> None:
    _core.trim_memory()
    before = cached()
    parts = [pg.full((MIB,), 1.0) for _ in range(8)]  # side by side, if the heap was empty
    del parts
    kept = cached() - before
    whole = pg.full((8 * MIB,), 2.0)
    assert kept == 8 * 4 * MIB
    assert cached() - before <= 4 * MIB  # of the same memory, for the most part
    assert np.all(whole.numpy() == 2)


def test_a_step_needs_little_more_memory_than_is_live() -> None:
    """Blocks of falling and of growing sizes, as a network's activations: no second heap."""
    _core.trim_memory()
    _core.reset_peak_memory()
    start = _core.memory_stats()["live_bytes"]
    for _ in range(5):
        live = [pg.full((n * MIB // 2 + 100,), 1.0) for n in (8, 4, 2, 1, 1, 2, 4, 8)]
        while live:
            live.pop(0)
            if len(live) % 2:
                live.insert(1, pg.full((len(live) * MIB // 3,), 1.0))
                live.pop()
    stats = _core.memory_stats()
    assert stats["cached_bytes"] <= 1.3 * (stats["peak_bytes"] - start)


def test_trimmed_memory_reads_as_new() -> None:
    x = pg.full((MIB,), 3.0)
    del x
    _core.trim_memory()
    assert cached() == 0
    y = pg.full((MIB,), 4.0)
    assert np.all(y.numpy() == 4)


def test_a_frozen_layer_keeps_nothing_for_its_weights() -> None:
    x = pg.full((64, 1024), 1.0).requires_grad_(True)
    w = pg.full((1024, 16), 0.5)
    held = []
    for trained in (True, False):
        w.requires_grad_(trained)
        h = x * 2.0
        before = _core.memory_stats()["live_bytes"]
        y = h @ w
        del h
        held.append(_core.memory_stats()["live_bytes"] - before)
        (dx,) = pg.grad(y.sum(), [x])
        np.testing.assert_array_equal(dx.numpy(), np.full((64, 1024), 16.0, np.float32))
        del y, dx
    assert held[0] - held[1] == x.size * 4


@pytest.mark.parametrize("at", [0, 12_345, 99_999, 199_999])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_all_finite_finds_one_element_among_many(at: int, value: float) -> None:
    a = np.zeros(200_000, np.float32)
    assert _core.all_finite([pg.tensor(a), pg.tensor(a[:3])])
    a[at] = value
    assert not _core.all_finite([pg.tensor(np.zeros(3, np.float32)), pg.tensor(a)])
