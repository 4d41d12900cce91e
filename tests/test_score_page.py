"""What a report says of scores: real images beside them, lost classes, copies seen at a glance."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pytest
from test_features import network
from test_pictures import Page, report
from train_tools import images, trainer

import pygan as pg
from pygan.train import score_page
from pygan.train.scores import ImageScores

ROW = {
    "swd": 31.0,
    "swd_real": 16.0,
    "fd": 41.25,
    "fd_real": 2.75,
    "precision": 0.5,
    "precision_real": 0.86,
    "recall": 0.375,
    "recall_real": 0.85,
    "class_histogram": [0.75, 0.0, 0.25],
}
NAMES = ("coat", "<bag>", "boot")


def scored(tmp_path: Path, **changes: object) -> tuple[str, Page]:
    start = {**ROW, "fd": 480.0, "precision": 0.0, "recall": 0.0, "class_histogram": [1.0, 0, 0]}
    rows = [{"step": 0, "time_s": 0.5, **start}, {"step": 9, "time_s": 3.0, **ROW}]
    return report(tmp_path, metrics=rows, classes=NAMES, real_shares=[0.3, 0.3, 0.4], **changes)


def test_all_scores_stand_beside_those_of_real_images(tmp_path: Path):
    text, page = scored(tmp_path)
    words = " ".join(page.text)
    for part in ("fd: Fréchet distance", "precision and recall", "real images 2.75", "41.2"):
        assert part in words
    table = text[text.index("<table>") : text.index("</table>")]
    assert re.findall("<th>(.*?)</th>", table) == [
        "step",
        "time",
        "fd",
        "precision",
        "recall",
        "swd",
    ]
    last = re.findall("<td>(.*?)</td>", table[table.index('class="real"') :])
    assert last == ["real images", "", "2.8", "0.860", "0.850", "16.0"]
    assert text.count('<figure class="chart">') == 3  # fd, precision and recall, swd


def test_a_class_that_is_lost_has_no_bar(tmp_path: Path):
    text, page = scored(tmp_path)
    bars = re.findall(r'<i style="width:([\d.]+)%">', text)
    assert [float(width) for width in bars] == [100.0, 0.0, pytest.approx(100 / 3, abs=0.01)]
    marks = [float(left) for left in re.findall(r'<b style="left:([\d.]+)%"', text)]
    assert marks == pytest.approx([40, 40, 160 / 3], abs=0.01)
    assert "&lt;bag&gt;" in text
    assert "75.0%" in page.text


@pytest.mark.parametrize("histogram", [None, 3, [], ["a"], [math.nan], [2.0]])
def test_a_histogram_that_is_none(histogram: object):
    assert score_page.shares(histogram, None, NAMES) == ""


def test_in_words():
    words = "fd 41.2 (real images 2.75), precision 0.5 (0.86), recall 0.375 (0.85), swd 31 (16)"
    assert score_page.in_words(ROW) == words
    only = {"swd": 31.0, "swd_real": 16.0}
    assert score_page.in_words(only) == "swd 31 (real images 16)"


def test_copies_are_seen(tmp_path: Path):
    data = pg.data.from_array(images(200))
    scores = ImageScores(data)
    copies = scores.look(data.images[5:69], step=7)
    assert (copies.samples_distances == 0).all()
    np.testing.assert_array_equal(copies.samples, copies.samples_nearest)
    assert (np.diff(copies.held_out_distances) >= 0).all()
    assert copies.held_out_distances[0] > 0
    text, page = report(tmp_path, neighbours=copies)
    words = " ".join(page.text)
    assert "64 of 64 samples are closer to one than every held-out image is, 64 equal" in words
    assert text.count('<div class="twins">') == 2
    fresh = scores.look(images(64, seed=9), step=8)
    assert scores.seen is fresh
    text, page = report(tmp_path, neighbours=fresh)
    assert "none a copy" in " ".join(page.text)


def test_few_held_out_images_are_said(tmp_path: Path):
    few, many = (ImageScores(pg.data.from_array(images(n))) for n in (24, 1000))
    assert few.notes() == ["only 2 held-out images to compare with: the scores say little"]
    assert many.notes() == []
    _, page = scored(tmp_path, notes=few.notes())
    assert few.notes()[0] in page.text


def test_files_left_out_are_named(tmp_path: Path):
    files = [(f"{i}<.png", "cut off") for i in range(23)]
    text, page = report(tmp_path, skipped=files)
    assert "23 files left out" in page.text
    assert "19&lt;.png" in text
    assert "20&lt;.png" not in text
    assert "and 3 more" in page.text


def test_the_command_to_go_on_asks_for_more_steps_than_were_done(tmp_path: Path):
    text, _ = report(tmp_path, config_toml="steps = 290\n")
    assert "--resume" in text
    assert "--steps 580" in text
    text, _ = report(tmp_path, config_toml="steps = 291\n")
    assert "--resume" in text
    assert "--steps" not in text
    text, _ = report(tmp_path, config_toml="")  # of a program's own networks: nothing resumes it
    assert "--resume" not in text


def test_a_run_keeps_its_scores_and_shows_them(tmp_path: Path):
    run = tmp_path / "mine"
    data = pg.data.from_array(images(60))
    made = trainer(data=data, features=network(), run_dir=run, log_every=1, score_every=2)
    made.fit(3, progress=False)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "fd" in row] == [0, 2, 3]
    for row in rows:
        if "fd" in row:
            assert len(row["class_histogram"]) == 2
            assert sum(row["class_histogram"]) == pytest.approx(1)
    page = (run / "report.html").read_text("utf-8")
    for part in ("Nearest training images", "Classes of the samples", "only 6 held-out images"):
        assert part in page
