"""Checkpoints are whole and right, or refused; saving never harms what was saved before."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from train_tools import everything, trainer

from pygan.errors import CheckpointError
from pygan.train import checkpoint, state
from pygan.train.rundir import RunDirectory, load_checkpoint

STATE = {"step": 3, "text": 'ä"\\', "list": [1, 0.5, None, True]}


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "net/D/w": rng.normal(size=(2, 3)).astype(np.float32),
        "net/D/scalar": np.array(5, np.int64),
        "ema/b": rng.normal(size=2),
        "empty": np.zeros((0, 4), np.float32),
        "data/flags": np.array([True, False, True]),
        "bytes": np.arange(5, dtype=np.uint8),
    }


def content() -> bytes:
    return b"".join(checkpoint.encode(arrays(), STATE))


def test_comes_back_as_it_was():
    loaded = checkpoint.decode(content())
    assert loaded.state == STATE
    assert loaded.tensors.keys() == arrays().keys()
    for name, array in arrays().items():
        assert loaded.tensors[name].dtype == array.dtype
        assert loaded.tensors[name].shape == array.shape
        np.testing.assert_array_equal(loaded.tensors[name], array)


def test_equal_states_are_equal_files():
    backwards = dict(reversed(arrays().items()))
    state = dict(reversed(STATE.items()))
    assert b"".join(checkpoint.encode(backwards, state)) == content()


def test_any_reader_of_the_format_opens_it(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    checkpoint.write(path, arrays(), STATE)
    found = safetensors.numpy.load_file(path)
    assert found.keys() == {*arrays(), "__checksums__"}
    assert found["__checksums__"].dtype == np.uint8
    for name, array in arrays().items():
        np.testing.assert_array_equal(found[name], array)
    with safetensors.safe_open(path, "numpy") as file:
        metadata = file.metadata()
    assert json.loads(metadata["state"])["format_version"] == 1
    assert metadata["format_version"] == "1"


def test_cut_off_anywhere_is_refused():
    whole = content()
    for length in range(len(whole)):
        with pytest.raises(CheckpointError):
            checkpoint.decode(whole[:length])
    with pytest.raises(CheckpointError):
        checkpoint.decode(whole + b"\0")


def test_every_flipped_bit_is_refused():
    whole = bytearray(content())
    for position in range(len(whole)):
        for bit in range(8):
            whole[position] ^= 1 << bit
            with pytest.raises(CheckpointError) as caught:
                checkpoint.decode(bytes(whole))
            assert "\n" not in str(caught.value)
            whole[position] ^= 1 << bit
    checkpoint.decode(bytes(whole))


@pytest.mark.parametrize("version", ["0", "2", "", "1.0", "x"])
def test_other_versions_are_refused_by_name(version: str):
    old = b'{"__metadata__":{"format_version":"1"'
    new = old.replace(b'"1"', json.dumps(version).encode())
    with pytest.raises(CheckpointError, match="format version"):
        checkpoint.decode(_with_header(content(), old, new))


def test_foreign_files_are_refused(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    safetensors.numpy.save_file(arrays(), path)
    with pytest.raises(CheckpointError, match=r"x\.safetensors was not written by pygan"):
        checkpoint.read(path)
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.read(tmp_path / "missing")
    with pytest.raises(CheckpointError, match="cannot read"):
        checkpoint.read(tmp_path)


def test_what_cannot_be_saved_is_refused():
    with pytest.raises(CheckpointError, match="complex128"):
        checkpoint.encode({"x": np.zeros(1, complex)}, {})
    with pytest.raises(CheckpointError, match="reserved"):
        checkpoint.encode({"__checksums__": np.zeros(1, np.uint8)}, {})


@pytest.mark.parametrize(
    "shape", [[0, 10**30], [0, 2**40, 2**40], [1] * 40, [1] * 70, [0] * 70, [0, -1], [0, 1.0], "x"]
)
def test_impossible_shapes_are_refused(shape: object):
    whole = content()
    length = int.from_bytes(whole[:8], "little")
    name = "empty" if isinstance(shape, str) or 0 in shape else "net/D/scalar"
    shape_before = json.loads(whole[8 : 8 + length])[name]["shape"]
    old = f'"shape":{json.dumps(shape_before, separators=(",", ":"))}'.encode()
    at = whole.index(f'"{name}"'.encode())
    assert whole[at:].index(old) < 60
    start = at + whole[at:].index(old)
    header = whole[8:start] + f'"shape":{json.dumps(shape)}'.encode()
    header += whole[start + len(old) : 8 + length]
    with pytest.raises(CheckpointError):
        checkpoint.decode(len(header).to_bytes(8, "little") + header + whole[8 + length :])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("step", -1),
        ("step", True),
        ("losses", "abc"),
        ("losses", [1]),
        ("losses", [1.0, None]),
        ("losses", [1, 10**400]),
        ("real_scores", 16.0),
        ("real_scores", {"swd_real": "x"}),
        ("real_scores", {"swd_real": -1.0}),
        ("opt/G/lr", -1.0),
        ("opt/D/lr", np.nan),
        ("opt/D/lr", np.inf),
        ("opt/G/steps", -1),
        ("ema/updates", -1),
        ("rng/trainer.latent", -1),
        ("rng/trainer.latent", 2**32),
        ("data/order", -1),
    ],
)
def test_impossible_values_are_refused_and_nothing_changes(name: str, value: object):
    made = trainer()
    made.train_step()
    tensors, facts = state.tensors(made), state.facts(made)
    if name in tensors:
        tensors[name] = np.full_like(tensors[name], value)
    else:
        facts[name] = value
    other = trainer()
    before = everything(other)
    with pytest.raises(CheckpointError) as caught:
        other.restore(checkpoint.Checkpoint(tensors, facts), "x")
    assert "impossible" in str(caught.value)
    assert everything(other) == before


@pytest.mark.parametrize("change", ["missing", "extra", "shape", "dtype"])
def test_other_networks_are_refused_and_nothing_changes(change: str, tmp_path: Path):
    made = trainer()
    made.train_step()
    tensors = state.tensors(made)
    name = "net/G/out.bias"
    if change == "missing":
        del tensors[name]
    elif change == "extra":
        tensors["net/G/more"] = np.zeros(1, np.float32)
    elif change == "shape":
        tensors[name] = np.zeros(7, np.float32)
    else:
        tensors[name] = tensors[name].astype(np.float64)
    path = tmp_path / "x.safetensors"
    checkpoint.write(path, tensors, state.facts(made))
    other = trainer()
    before = everything(other)
    with pytest.raises(CheckpointError, match="net/G/"):
        other.load(path)
    assert everything(other) == before


def test_other_settings_and_data_are_refused(tmp_path: Path):
    path = tmp_path / "x.safetensors"
    trainer().save(path)
    for other, match in (
        (trainer(batch_size=4), "batch_size 8, not 4"),
        (trainer(ema_decay=0.5), "ema_decay"),
        (trainer(data=trainer().data.images[:9]), "other images"),
    ):
        before = everything(other)
        with pytest.raises(CheckpointError, match=match):
            other.load(path)
        assert everything(other) == before


def test_another_instruction_set_is_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    made = trainer()
    facts = {**state.facts(made), "cpu_isa": "abacus"}
    path = tmp_path / "x.safetensors"
    checkpoint.write(path, state.tensors(made), facts)
    trainer().load(path)
    assert "abacus" in caplog.text


@pytest.mark.parametrize("call", ["open", "write", "fsync", "replace"])
def test_a_save_that_fails_leaves_the_older_one(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "x.safetensors"
    checkpoint.write(path, arrays(), STATE)
    before = path.read_bytes()

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    class Full:
        def __init__(self, file: object) -> None:
            self.file = file

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        write = refuse

    with monkeypatch.context() as patch:
        if call == "open":
            patch.setattr("builtins.open", refuse)
        elif call == "write":
            real = open
            patch.setattr("builtins.open", lambda *a, **k: Full(real(*a, **k)))
        else:
            patch.setattr(os, call, refuse)
        with pytest.raises(CheckpointError, match="No space left"):
            checkpoint.write(path, {"x": np.ones(3)}, {})
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]


def test_older_ones_are_pruned_only_behind_a_good_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    run = RunDirectory(tmp_path)
    run.make_folders()
    for step in (0, 10, 20):
        run.save(step, arrays(), {**STATE, "step": step})
    assert [p.stem for p in run.found()] == ["step-000020", "step-000010"]

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", refuse)
        with pytest.raises(CheckpointError):
            run.save(30, arrays(), STATE)
    assert [p.stem for p in run.found()] == ["step-000020", "step-000010"]


def test_a_broken_newest_one_is_named_and_the_one_before_used(tmp_path: Path):
    run = RunDirectory(tmp_path)
    run.make_folders()
    for step in (10, 20):
        run.save(step, arrays(), {**STATE, "step": step})
    newest = run.checkpoint_path(20)
    newest.write_bytes(newest.read_bytes()[:-3])
    warnings: list[str] = []
    _, path, loaded = load_checkpoint(str(tmp_path), warnings.append)
    assert path == run.checkpoint_path(10)
    assert loaded is not None
    assert loaded.state["step"] == 10
    assert len(warnings) == 1
    assert "step-000020" in warnings[0]
    # named explicitly, it is refused
    with pytest.raises(CheckpointError, match="step-000020"):
        load_checkpoint(str(newest), warnings.append)
    # without an intact one, the run is
    run.checkpoint_path(10).write_bytes(b"")
    with pytest.raises(CheckpointError, match="no intact checkpoint"):
        load_checkpoint(str(tmp_path), warnings.append)


def test_going_back_sets_later_files_aside_and_cuts_the_metrics(tmp_path: Path):
    run = RunDirectory(tmp_path)
    run.make_folders()
    for step in (10, 20):
        run.save(step, arrays(), {**STATE, "step": step})
        run.append({"step": step, "time_s": step / 10})
        (run.samples / f"step-{step:06d}.png").write_bytes(b"")
    with open(run.metrics, "ab") as file:
        file.write(b'{"step": 21, "ti')  # a line that a kill cut off
    (run.checkpoints / "step-000030.safetensors.tmp").write_bytes(b"half")
    assert [row["step"] for row in run.rows()] == [10, 20]
    assert run.cut_back(10) == 1.0
    assert [row["step"] for row in run.rows()] == [10]
    assert [p.name for p in run.samples.iterdir()] == ["step-000010.png"]
    assert sorted(p.name for p in run.checkpoints.iterdir()) == [
        "step-000010.safetensors",
        "step-000020.safetensors.aside",
    ]


def test_a_name_is_never_used_twice(tmp_path: Path):
    parent = tmp_path / "runs"
    names = [RunDirectory.create(parent, "default").path.name for _ in range(3)]
    assert names == ["default-1", "default-2", "default-3"]
    (parent / "default-2").rmdir()
    assert RunDirectory.create(parent, "default").path.name == "default-4"
    assert RunDirectory.create(parent, "default", "mine").path.name == "mine"


def _with_header(whole: bytes, old: bytes, new: bytes) -> bytes:
    """The file with a piece of its header replaced, lengths adapted, checksums left as they are."""
    length = int.from_bytes(whole[:8], "little")
    header = whole[8 : 8 + length]
    assert old in header
    header = header.replace(old, new)
    return len(header).to_bytes(8, "little") + header + whole[8 + length :]
