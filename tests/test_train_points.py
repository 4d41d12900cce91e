"""Training on points: resumes to the bit, pictures, scores, recipes, what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from train_tools import everything

import pygan as pg
from pygan import cli
from pygan.train import recipes, runs
from pygan.train.config import override, resolve
from pygan.train.point_scores import PointScores
from pygan.train.scatter import FIELD, SAMPLE, Window, scatter

TINY = ["generator.width=8", "discriminator.width=8", "batch_size=16", "game.n_critic=1"]


def trainer(**settings: object) -> pg.Trainer:
    settings = {"data": pg.data.ring(400, held_out=100), "batch_size": 16, **settings}
    G = pg.models.MLPGenerator(width=8, depth=2, seed=1)
    D = pg.models.MLPDiscriminator(width=8, depth=2, seed=1)
    return pg.Trainer(G, D, game=pg.games.WGANGP(n_critic=2), **settings)


def test_steps_a_save_and_steps_are_the_steps_to_the_bit(tmp_path: Path) -> None:
    straight = trainer()
    for _ in range(5):
        straight.train_step()
    first = trainer()
    first.train_step()
    first.train_step()
    first.save(tmp_path / "two.safetensors")
    second = trainer()
    second.load(tmp_path / "two.safetensors")
    for _ in range(3):
        second.train_step()
    assert everything(second) == everything(straight)
    with pytest.raises(pg.CheckpointError, match="other points; resume with the same data"):
        trainer(data=pg.data.ring(400, 1, held_out=100)).load(tmp_path / "two.safetensors")


def test_samples_are_float_points() -> None:
    made = trainer(data=np.random.default_rng(0).standard_normal((60, 2)))
    made.train_step()
    samples = made.sample(70)
    assert samples.shape == (70, 2)
    assert samples.dtype == np.float32
    np.testing.assert_array_equal(made.sample(3), samples[:3])
    assert set(made.score()) == {"swd", "swd_real"}  # an array's modes are not known


def test_networks_of_other_samples_are_refused() -> None:
    D = pg.models.MLPDiscriminator()
    with pytest.raises(pg.ShapeError, match=r"G makes points \(3,\), the data has \(2,\)"):
        pg.Trainer(pg.models.MLPGenerator(3), D, data=pg.data.ring(50, held_out=9))
    with pytest.raises(pg.ShapeError, match=r"\(N, 2\)"):
        pg.Trainer(pg.models.MLPGenerator(3), D, data=np.zeros((50, 3)))


def test_scores_of_known_samples() -> None:
    data = pg.data.ring(5_000)
    scores = PointScores(data)
    found = scores.score(data.held_out[: scores.count])
    assert found["modes"] == found["modes_real"] == 8
    assert found["high_quality"] == pytest.approx(found["high_quality_real"], abs=0.01)
    assert found["swd"] < 2 * found["swd_real"] + 20
    alone = scores.score(np.zeros((100, 2), np.float32) + data.centres[2].astype(np.float32))
    assert (alone["modes"], alone["high_quality"]) == (1, 1.0)
    assert alone["swd"] > 500


# --- pictures ----------------------------------------------------------------------------------


def test_pictures_have_colours_where_the_points_are() -> None:
    window = Window(0.0, 0.0, 2.0)
    real = np.full((1, 2), 9.0)  # outside
    field = np.where(window.cells(32)[:, 0] > 0, 5.0, -5.0).reshape(32, 32)
    at = np.array([[-1.0, 1.0]])
    picture = scatter(real, at, window, field=field, title="step 7").astype(int)
    left, top, side = 46, 54, 512

    def colour(x: float, y: float) -> np.ndarray:
        return picture[int(top + (2 - y) / 4 * side), int(left + (x + 2) / 4 * side)]

    def far(a: np.ndarray, b: object) -> int:
        return int(np.abs(a - np.array(b)).max())

    assert far(colour(-1, 1), SAMPLE[:3]) < 45
    assert far(colour(-1, -1), FIELD[0]) <= 2  # D's low values at the left, high ones at the right
    assert far(colour(1, -1), FIELD[-1]) <= 2
    assert far(colour(1, 1), FIELD[-1]) <= 2
    plain = scatter(real, None, window).astype(int)
    assert far(plain[top + 100, left + 100], [255] * 3) == 0
    assert (picture[:top] != plain[:top]).any()


def test_windows_hold_the_points_and_pictures_survive_odd_fields() -> None:
    data = pg.data.grid(2_000, held_out=10)
    window = Window.around(data.points)
    at = window.pixels(data.points)
    assert 0.0 < at.min() < 0.2
    assert 0.8 < at.max() < 1.0
    corner = window.pixels(window.cells(4)[:1])
    assert corner == pytest.approx(np.array([[0.125, 0.125]]))
    for value in (0.0, np.nan):
        scatter(data.points[:5], None, window, field=np.full((4, 4), value))
    with pytest.raises(pg.ShapeError, match=r"field must be \(n, n\)"):
        scatter(data.points[:5], None, window, field=np.zeros((4, 5)))
    with pytest.raises(pg.ConfigError, match="half side must be positive"):
        scatter(data.points[:5], None, Window(0.0, 0.0, 0.0))


# --- recipes and the command line --------------------------------------------------------------


@pytest.mark.parametrize("name", ["ring", "grid", "swiss-roll"])
def test_recipes_resolve_to_points(name: str) -> None:
    config = resolve(recipes.load(name))
    assert config.data.name == name
    table = config.to_dict()
    assert set(table["data"]) == {"name"}
    assert table["generator"]["depth"] == 3
    assert resolve(table) == config
    images = resolve({}).to_dict()
    assert "depth" not in images["generator"]
    assert images["data"]["image_size"] == [28, 28]


def test_a_run_on_points_from_the_command_line(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    tiny = [part for setting in (*TINY, "sample_every=2") for part in ("--set", setting)]
    assert cli.main(["train", "ring", *tiny, "--steps", "2"]) == 0
    output = capsys.readouterr().out
    for part in ("points in the plane", "steps of 16 points", "modes", "high quality"):
        assert part in output
    run = Path("runs/ring-1")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert {"modes", "modes_real", "high_quality", "high_quality_real"} <= set(rows[-1])
    with Image.open(run / "samples" / "step-000002.png") as picture:
        assert picture.size == (644, 600)
    report = (run / "report.html").read_text()
    assert "High quality" in report
    assert "images a second" not in report
    assert cli.main(["sample", "ring-1", "-n", "5", "-o", "p.npy"]) == 0
    assert cli.main(["sample", "ring-1", "-n", "5", "-o", "p.png"]) == 0
    assert np.load("p.npy").shape == (5, 2)
    with Image.open("p.png") as picture:
        assert picture.size == (644, 600)
    assert cli.main(["train", "--resume", "runs/ring-1", "--steps", "4"]) == 0
    assert cli.main(["train", "ring", *tiny, "--steps", "4"]) == 0
    ends = [sorted(Path(f"runs/ring-{i}/checkpoints").iterdir())[-1] for i in (1, 2)]
    assert ends[0].read_bytes() == ends[1].read_bytes()


@pytest.mark.parametrize(
    ("recipe", "settings", "message"),
    [
        ("ring", ["data.name=rign"], "unknown data.name 'rign'.*'ring'"),
        ("ring", ["data.image_size=28"], "data.image_size has no meaning with data.name = 'ring'"),
        ("ring", ["data.path=photos"], "data.path has no meaning with data.name = 'ring'"),
        ("default", ["generator.depth=2"], "generator.depth has no meaning with generator.model"),
        ("ring", ["generator.depth=0"], "generator.depth must be from 1 to 1000, not 0"),
    ],
)
def test_settings_that_cannot_work_are_refused(recipe, settings, message: str) -> None:
    with pytest.raises(pg.ConfigError, match=message):
        resolve(override(recipes.load(recipe), settings))


def test_dcgans_make_no_points(tmp_path: Path) -> None:
    table = recipes.load("ring")
    del table["generator"]["depth"]
    table["generator"]["model"] = "dcgan"
    from pygan.train import build

    with pytest.raises(pg.ConfigError, match="'dcgan' is for images; for points take"):
        build.networks(resolve(table), (2,))


def test_mlps_make_images(tmp_path: Path) -> None:
    small = ["generator.model=mlp", "discriminator.model=mlp", "generator.width=8"]
    small += ["discriminator.width=8", "batch_size=4", "data.image_size=9"]
    run = runs.start("default", small, out=tmp_path)
    run.trainer.train_step()
    assert run.trainer.sample(2).shape == (2, 9, 9, 1)
    run.directory.unlock()
