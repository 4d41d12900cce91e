"""Runs side by side, and events for TensorBoard."""

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pygan.cli import main
from pygan.errors import CheckpointError, ConfigError
from pygan.train.compare import write_comparison
from pygan.train.rundir import RunDirectory


def make_run(path: Path, rows: list[dict], config: str = "", shade: int = 0) -> RunDirectory:
    run = RunDirectory(path)
    path.mkdir(parents=True)
    run.make_folders()
    run.metrics.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run.config.write_text(config)
    Image.fromarray(np.full((8, 8), shade, np.uint8)).save(run.samples / "step-000020.png")
    return run


def rows(fd: float, loss: float) -> list[dict]:
    return [
        {"step": 0, "time_s": 0.1, "loss_d": None, "loss_g": None, "fd": 400.0, "fd_real": 3.0},
        {"step": 10, "time_s": 1.0, "loss_d": loss, "loss_g": 2 * loss},
        {"step": 20, "time_s": 2.0, "loss_d": loss, "loss_g": loss, "fd": fd, "fd_real": 3.0},
    ]


def test_the_page_has_scores_curves_settings_and_pictures(tmp_path):
    a = make_run(tmp_path / "x" / "run", rows(30.0, 0.5), "steps = 20\n[game]\nname = 'hinge'\n", 1)
    b = make_run(tmp_path / "y" / "run", rows(45.0, 0.7), "steps = 20\n[game]\nname = 'wgan'\n", 2)
    write_comparison([a, b], tmp_path / "c.html")
    page = (tmp_path / "c.html").read_text("utf-8")
    assert "<h1>x/run, y/run</h1>" in page  # as many parts of the path as tell them apart
    table = re.search(r"<tbody>.*?</tbody>", page)[0]
    assert "<strong>30</strong> <small>3</small>" in table  # the best one
    assert "<td>45 <small>3</small></td>" in table
    assert "game.name" in page
    assert "<td>hinge</td><td>wgan</td>" in page
    assert '<th scope="row">steps</th>' not in page  # the same in both
    assert page.count("data:image/png;base64,") == 2
    assert page.count("<svg") == 3  # fd, loss of D, loss of G
    for colour in ("r0", "r1"):
        assert f'<path class="{colour}"' in page


def test_names_in_the_page_are_escaped(tmp_path):
    a = make_run(tmp_path / "<script>", rows(1.0, 1.0))
    b = make_run(tmp_path / "b", rows(2.0, 1.0))
    write_comparison([a, b], tmp_path / "c.html")
    assert "<script>" not in (tmp_path / "c.html").read_text("utf-8")


def test_what_cannot_be_compared_is_refused(tmp_path, monkeypatch, capsys):
    a = make_run(tmp_path / "runs" / "a", rows(1.0, 1.0))
    b = make_run(tmp_path / "runs" / "b", rows(1.0, 1.0))
    empty = RunDirectory(tmp_path / "empty")
    empty.path.mkdir()
    with pytest.raises(ConfigError, match="2 to 8"):
        write_comparison([a], tmp_path / "c.html")
    with pytest.raises(ConfigError, match="named twice"):
        write_comparison([a, RunDirectory(tmp_path / "runs" / ".." / "runs" / "a")], tmp_path / "c")
    with pytest.raises(CheckpointError, match="is no run"):
        write_comparison([a, empty], tmp_path / "c.html")
    assert not (tmp_path / "c.html").exists()
    monkeypatch.chdir(tmp_path)
    assert main(["compare", "a", "b"]) == 0
    assert (tmp_path / "compare-a-b.html").is_file()
    for arguments, code, match in (
        (["compare", "a", "b"], 2, "exists"),
        (["compare", "a", "bb"], 4, "did you mean"),
        (["compare", "a", str(b.metrics)], 2, "is a file"),
        (["compare", "a", "b", "-o", "no/where.html"], 2, "no directory"),
        (["compare", "a"], 2, "2 to 8"),
    ):
        assert main([*arguments, *(["--force"] if len(arguments) == 2 else [])]) == code
        error = capsys.readouterr().err
        assert re.search(match, error), error
        assert error.count("\n") == 1
    assert main(["compare", "a", "b", "--force"]) == 0


def train(place: Path, *more: str) -> int:
    return main(
        ["train", "--out", str(place), "--name", "t"]
        + [f"--set={s}" for s in ("batch_size=4", "generator.width=4", "discriminator.width=4")]
        + [f"--set={s}" for s in ("sample_every=2", "log_every=1", "score_every=1000", *more)]
    )


def test_tensorboard_gets_every_line_and_picture_once(tmp_path):
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.record_writer import RecordWriter  # noqa: F401 - the format's other half

    assert train(tmp_path, "tensorboard=true", "steps=3") == 0
    assert main(["train", "--resume", str(tmp_path / "t"), "--steps", "5"]) == 0
    seen, pictures, starts = {}, [], []
    for file in sorted((tmp_path / "t" / "tensorboard").iterdir(), key=lambda f: f.stat().st_mtime):
        for record in records(file.read_bytes()):
            event = Event.FromString(record)
            if event.HasField("session_log"):
                starts.append(event.step)
            for value in event.summary.value:
                if value.tag == "loss_d":
                    seen.setdefault(event.step, value.simple_value)
                if value.HasField("image"):
                    pictures.append(event.step)
    lines = map(json.loads, (tmp_path / "t" / "metrics.jsonl").read_text().splitlines())
    assert seen == {
        row["step"]: pytest.approx(row["loss_d"], rel=1e-6) for row in lines if row["step"]
    }
    assert pictures == [0, 2, 3, 4, 5]
    assert starts == [0, 4]  # each process voids what another wrote behind its first step


def records(content: bytes) -> list[bytes]:
    """The records of a file of events: length, its checksum, the bytes, their checksum."""
    found = []
    while content:
        length = int.from_bytes(content[:8], "little")
        found.append(content[12 : 12 + length])
        content = content[16 + length :]
    return found


def test_tensorboard_without_its_package_names_the_extra(tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert train(tmp_path, "tensorboard=true", "steps=1") == 2
    assert "pygan[tensorboard]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
