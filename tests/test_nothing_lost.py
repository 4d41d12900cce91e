"""Kills, failing disks, damaged files: a run ends clearly, and what was trained is not lost."""

from __future__ import annotations

import builtins
import contextlib
import errno
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from train_tools import command, everything, image_folder, tiny_settings, trainer

import pygan as pg
from pygan import cli
from pygan.errors import CheckpointError
from pygan.train import checkpoint
from pygan.train.rundir import RunDirectory

STEPS = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with images and a run that nothing disturbed, ``runs/whole``."""
    folder = tmp_path_factory.mktemp("place")
    image_folder(folder / "images")
    process = command(*_arguments("whole"), cwd=folder)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return folder


def _arguments(name: str, steps: int = STEPS, every: int = 7) -> list[str]:
    intervals = ("score_every=1000", "sample_every=25", f"checkpoint_every={every}")
    settings = tiny_settings(*intervals, f"steps={steps}")
    return ["train", "--data", "images", *settings, "--name", name]


def _last(run: Path, steps: int = STEPS) -> bytes:
    return (run / "checkpoints" / f"step-{steps:06d}.safetensors").read_bytes()


def _seeded() -> random.Random:
    seed = random.SystemRandom().randrange(10**6)
    print("seed", seed)  # shown by pytest where a test fails
    return random.Random(seed)


# ---- SIGKILL


def _killed_inside_a_save(count: int, arguments: list[str], folder: Path) -> bool:
    """Run the command and kill it at its ``count``-th call within a save; False: it ended first."""
    script = Path(__file__).with_name("killing.py")
    roots = [str(Path(pg.__file__).parent.parent), os.environ.get("PYTHONPATH", "")]
    process = subprocess.run(
        [sys.executable, str(script), str(count), *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, roots))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert process.returncode in (0, -signal.SIGKILL), process.stderr
    return process.returncode != 0


def _killed_outside(rng: random.Random, arguments: list[str], folder: Path, run: Path) -> None:
    """Start the command, let it train for a random time, kill it."""
    process = command(*arguments, cwd=folder)
    reached = len(RunDirectory(run).rows())
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if len(RunDirectory(run).rows()) > reached:
            break
        time.sleep(0.002)
    time.sleep(rng.random() * 0.05)
    process.kill()
    process.communicate()


def _kill_and_resume(place: Path, name: str, steps: int, inside: int, outside: int) -> None:
    """Kill a run so often, resume it each time; it must end as ``<name>-whole`` does."""
    process = command(*_arguments(f"{name}-whole", steps), cwd=place)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    rng = _seeded()
    run = place / "runs" / name
    moments = [True] * inside + [False] * outside
    rng.shuffle(moments)
    for number, saving in enumerate(moments):
        started = (run / "config.toml").is_file()
        arguments = ["train", "--resume", name] if started else _arguments(name, steps)
        if saving:
            # a save has as many calls as a checkpoint has tensors, and a few more
            assert _killed_inside_a_save(rng.randint(1, 90), arguments, place), number
        else:
            _killed_outside(rng, arguments, place, run)
    reached = [row["step"] for row in RunDirectory(run).rows()]
    assert max(reached, default=0) < steps, "it had ended before the last kill"
    process = command("train", "--resume", name, cwd=place)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    assert _last(run, steps) == _last(place / "runs" / f"{name}-whole", steps)
    assert not list(run.rglob("*.tmp"))
    assert [row["step"] for row in RunDirectory(run).rows()] == list(range(steps + 1))


def test_killed_inside_saves_and_between_them(place: Path):
    _kill_and_resume(place, "killed", 120, inside=3, outside=1)


@pytest.mark.long
def test_killed_twenty_times(place: Path):
    _kill_and_resume(place, "killed-often", 1500, inside=8, outside=12)


# ---- a disk that refuses


@contextlib.contextmanager
def _failing(which: str, number: int) -> Iterator[list[int]]:
    """The ``number``-th call of one kind fails, once; the list counts the calls."""
    calls = [0]

    def failing(call: Callable) -> Callable:
        def wrapper(*args: object, **kwargs: object) -> object:
            calls[0] += 1
            if calls[0] == number:
                raise OSError(errno.EIO, "Input/output error")
            return call(*args, **kwargs)

        return wrapper

    class Written:
        def __init__(self, file: object) -> None:
            self._file = file
            self.write = failing(file.write)

        def __enter__(self) -> Written:
            return self

        def __exit__(self, *_: object) -> None:
            self._file.close()

        def __getattr__(self, name: str) -> object:
            return getattr(self._file, name)

    real_open = builtins.open

    def opened(*args: object, **kwargs: object) -> object:
        file = real_open(*args, **kwargs)
        return Written(file) if args[1:2] == ("wb",) else file

    with pytest.MonkeyPatch.context() as patch:
        if which == "write":
            patch.setattr(builtins, "open", opened)
            patch.setattr(os, "write", failing(os.write))
        else:
            patch.setattr(os, which, failing(getattr(os, which)))
        yield calls


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_each_write_fsync_and_rename_fails_once(
    call: str, place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(place)
    steps = 10
    name = f"whole-{call}"
    with _failing(call, 0) as calls:
        assert cli.main(_arguments(name, steps, every=5)) == 0
    total = calls[0]
    want = _last(place / "runs" / name, steps)
    shutil.copytree(place / "runs" / name, place / "runs" / f"start-{call}")
    # Writes are many, one a tensor: a random few here, and every one of a save in the next test.
    rng = _seeded()
    numbers, third = list(range(1, total + 1)), total // 3
    if total > 24:  # few of those before the first checkpoint
        numbers = sorted(rng.sample(numbers[:third], 3) + rng.sample(numbers[third:], 9))
    lost = 0
    for number in numbers:
        name = f"{call}-{number}"
        run = place / "runs" / name
        capsys.readouterr()
        with _failing(call, number):
            code = cli.main(_arguments(name, steps, every=5))
        errors = [e for e in capsys.readouterr().err.splitlines() if e.startswith("pygan: error")]
        assert code == 4, (number, code)
        assert len(errors) == 1
        assert re.search("cannot write|cannot make", errors[0]), errors
        assert "Input/output error" in errors[0]
        found = RunDirectory(run).found()
        for path in found:
            checkpoint.read(path)  # whatever stands under a checkpoint's name is whole
        if not found:  # it failed before the first one was there
            lost += 1
            assert number <= total // 3
            continue
        assert cli.main(["train", "--resume", name]) == 0
        assert _last(run, steps) == want, number
        assert not list(run.rglob("*.tmp"))
        shutil.rmtree(run)
    assert lost < len(numbers) / 2


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_every_call_of_one_save_fails_once(call: str, tmp_path: Path):
    made = trainer()
    made.fit(1, progress=False)
    path = tmp_path / "x.safetensors"
    made.save(path)
    before = path.read_bytes()
    made.fit(1, progress=False)
    with _failing(call, 0) as calls:
        made.save(tmp_path / "other")
    (tmp_path / "other").unlink()
    assert calls[0] == {"write": 1 + len(checkpoint.read(path).tensors) + 1}.get(call, calls[0])
    for number in range(1, calls[0] + 1):
        with (
            _failing(call, number),
            pytest.raises(CheckpointError, match=r"cannot write .*Input/output error"),
        ):
            made.save(path)
        assert [p.name for p in tmp_path.iterdir()] == ["x.safetensors"]
        if (call, number) == ("fsync", 2):  # the folder's, when the new file is in its place
            checkpoint.read(path)
        else:
            assert path.read_bytes() == before, number


def test_a_full_disk_ends_the_run_with_a_line_and_loses_no_checkpoint(place: Path, tmp_path: Path):
    disk = tmp_path / "disk"
    disk.mkdir()
    size = 4 * len(_last(place / "runs" / "whole")) + 2_000_000
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("needs Linux and the right to mount a small disk")
    try:
        arguments = _arguments("full", every=5)
        filler = disk / "filler"
        process = command(*arguments, "--out", str(disk), cwd=place)
        run = disk / "full"
        deadline = time.monotonic() + 60
        while not (run / "checkpoints" / "step-000005.safetensors").is_file():
            assert time.monotonic() < deadline
            time.sleep(0.005)
        with contextlib.suppress(OSError), open(filler, "wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 4, errors
        lines = [e for e in errors.splitlines() if e.startswith("pygan: error")]
        assert len(lines) == 1
        assert "No space left on device" in lines[0]
        newest = RunDirectory(run).found()[0]
        checkpoint.read(newest)
        filler.unlink()
        process = command("train", "--resume", str(run), cwd=place)
        _, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert _last(run) == _last(place / "runs" / "whole")
    finally:
        subprocess.run(["umount", str(disk)], check=True)


# ---- damaged files


def test_a_trainers_checkpoint_cut_at_every_tensor_or_with_a_flipped_bit_is_refused(
    tmp_path: Path,
):
    made = trainer()
    made.fit(1, progress=False)
    whole = everything(made)
    path = tmp_path / "x.safetensors"
    header = int.from_bytes(whole[:8], "little")
    entries = json.loads(whole[8 : 8 + header])
    boundaries = {
        8 + header + offset
        for name, entry in entries.items()
        if name != "__metadata__"
        for offset in entry["data_offsets"]
    }
    boundaries |= {0, 1, 7, 8, 8 + header - 1} | {b - 1 for b in boundaries if b}
    boundaries.discard(len(whole))
    assert len(boundaries) > 60
    for end in boundaries:
        with pytest.raises(CheckpointError):
            checkpoint.decode(whole[:end])
    rng = np.random.default_rng(_seeded().randrange(2**32))
    damaged = bytearray(whole)
    for position, bit in zip(
        rng.integers(0, len(whole), 1000), rng.integers(0, 8, 1000), strict=True
    ):
        damaged[position] ^= 1 << int(bit)
        with pytest.raises(CheckpointError):
            checkpoint.decode(bytes(damaged))
        damaged[position] ^= 1 << int(bit)
    # a trainer that meets one is left as it was
    path.write_bytes(whole[:-1])
    other = trainer()
    before = everything(other)
    with pytest.raises(CheckpointError, match=re.escape(str(path))):
        other.load(path)
    assert everything(other) == before
    checkpoint.decode(bytes(damaged))
