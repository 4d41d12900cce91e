"""Grids, PNG files, charts and the report page."""

import base64
import html.parser
import io
import math
import re

import numpy as np
import pytest
from PIL import Image

from pygan.errors import CheckpointError, ConfigError, DTypeError, ShapeError
from pygan.train import charts
from pygan.train.page import duration
from pygan.train.pictures import grid, png_bytes, save_png
from pygan.train.report import write_report

VOID = {"meta", "img", "line", "path"}


class Page(html.parser.HTMLParser):
    """Checks that elements nest, and collects text and attributes."""

    def __init__(self, text):
        super().__init__(convert_charrefs=True)
        self.open, self.tags, self.text, self.attributes = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in VOID
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def report(tmp_path, **changes):
    """The page of a small run, with ``changes``, as text and parsed."""
    run = tmp_path / "runs" / "a run"
    run.mkdir(parents=True, exist_ok=True)
    rows = [
        {"step": s, "time_s": s / 10, "loss_d": 1.0 + s % 3, "loss_g": 2.0, "images_per_s": 900.0}
        for s in range(0, 300, 10)
    ]
    rows[0] |= {"swd": 300.0, "swd_real": 16.0}
    rows[-1] |= {"swd": 20.0, "swd_real": 16.0}
    arguments = {
        "title": "a run",
        "config_toml": 'seed = 0\n[game]\nname = "x"\n',
        "metrics": rows,
        "samples": [],
        "real_png": None,
        "machine": {"threads": 2},
        "summary": {"weights_sha256": "abc"},
    }
    path = write_report(run, **(arguments | changes))
    assert path == run / "report.html"
    text = path.read_text("utf-8")
    return text, Page(text)


# --- grids and files ---------------------------------------------------------------------------


def test_grid_places_every_image():
    images = np.arange(1, 8, dtype=np.uint8).reshape(7, 1, 1, 1) * np.ones((1, 3, 2, 1), np.uint8)
    sheet = grid(images, columns=3, pad=1)
    assert sheet.shape == (3 * 4 + 1, 3 * 3 + 1, 1)
    seen = np.full((3, 3), 255)
    seen.ravel()[:7] = np.arange(1, 8)
    for row in range(3):
        for column in range(3):
            cell = sheet[row * 4 : row * 4 + 5, column * 3 : column * 3 + 4, 0]
            assert (cell[1:4, 1:3] == seen[row, column]).all()
            border = cell.astype(int).sum() - 6 * seen[row, column]
            assert border == 255 * 14  # every pixel of the frame is white


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (5, (2, 3)), (64, (8, 8)), (65, (8, 9))])
def test_grid_chooses_its_columns(count, shape):
    sheet = grid(np.zeros((count, 4, 6, 3), np.uint8), pad=0)
    assert sheet.shape == (4 * shape[0], 6 * shape[1], 3)


def test_grid_refuses_what_is_no_images():
    with pytest.raises(DTypeError):
        grid(np.zeros((1, 4, 4, 1)))
    for shape in ((0, 4, 4, 1), (4, 4, 1), (1, 4, 4, 2)):
        with pytest.raises(ShapeError):
            grid(np.zeros(shape, np.uint8))
    with pytest.raises(ConfigError):
        grid(np.zeros((1, 4, 4, 1), np.uint8), columns=0)
    with pytest.raises(ConfigError):
        grid(np.zeros((1, 4, 4, 1), np.uint8), pad=-1)


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 1), (5, 7, 3)])
def test_png_holds_the_pixels_enlarged(tmp_path, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    save_png(tmp_path / "x.png", image, scale=3)
    read = np.asarray(Image.open(tmp_path / "x.png"))
    expected = image[..., 0] if shape[-1] == 1 else image
    np.testing.assert_array_equal(read[1::3, 1::3], expected)
    np.testing.assert_array_equal(read, np.kron(expected, np.ones((3, 3) + (1,) * (read.ndim - 2))))
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]  # no temporary file is left


def test_png_refuses_what_is_no_picture():
    with pytest.raises(DTypeError):
        png_bytes(np.zeros((3, 3)))
    for shape in ((3,), (3, 3, 2), (0, 3), (1, 3, 3, 1)):
        with pytest.raises(ShapeError):
            png_bytes(np.zeros(shape, np.uint8))
    with pytest.raises(ConfigError):
        png_bytes(np.zeros((3, 3), np.uint8), scale=0)


def test_a_failed_write_leaves_the_old_picture(tmp_path, monkeypatch):
    save_png(tmp_path / "x.png", np.zeros((2, 2), np.uint8))
    before = (tmp_path / "x.png").read_bytes()

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.replace", full)
    with pytest.raises(CheckpointError, match="No space left"):
        save_png(tmp_path / "x.png", np.ones((2, 2), np.uint8))
    assert (tmp_path / "x.png").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


# --- charts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.5, "0.5"),
        (0.30000000000000004, "0.3"),
        (-12.345, "−12.3"),
        (17.0, "17"),
        (100.0, "100"),
        (12345.6, "12,346"),
        (3e-7, "3e−7"),
        (1.05e9, "1.05e9"),
        (math.nan, "not a number"),
        (-math.inf, "−∞"),
    ],
)
def test_numbers_as_a_person_writes_them(value, text):
    assert charts.number(value) == text


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (0.1, 0.35, [0.1, 0.15, 0.2, 0.25, 0.3, 0.35]),
        (-30, 41, [-20, 0, 20, 40]),
        (0, 3000, [0, 1000, 2000, 3000]),
    ],
)
def test_ticks_are_round_and_inside(low, high, expected):
    assert charts.ticks(low, high) == expected


def test_logarithmic_ticks():
    assert charts.log_ticks(9, 310) == pytest.approx([10, 20, 50, 100, 200])
    assert charts.log_ticks(1e-3, 1e3) == pytest.approx([1e-3, 1e-2, 0.1, 1, 10, 100, 1000])


def test_thinning_keeps_spikes_ends_and_gaps():
    points = [(float(i), math.sin(i / 999)) for i in range(50_000)]
    points[31_234] = (31_234.0, 77.0)
    points[31_300] = (31_300.0, -77.0)
    for i in range(10_000, 11_000):
        points[i] = (float(i), math.nan)
    thinned = charts.thin(points)
    assert len(thinned) <= 1000
    assert {(31_234.0, 77.0), (31_300.0, -77.0)} <= set(thinned)
    assert [x for x, _ in thinned] == sorted(x for x, _ in thinned)
    assert any(math.isnan(y) and 10_000 <= x < 11_000 for x, y in thinned)
    assert thinned[0][0] < 100
    assert thinned[-1][0] > 49_900
    assert charts.thin(points[:1000]) == points[:1000]


def coordinates(svg, style):
    d = re.search(rf'<path class="{style}" d="([^"]*)"', svg)[1]
    return d, [tuple(map(float, p.split())) for p in re.findall(r"[\d.]+ [\d.]+", d)]


def test_a_curve_stands_where_its_values_are():
    """Linear in step and value, rising upwards, agreeing with the ticks beside it."""
    series = charts.Series("x", "d", [(0.0, 0.0), (10.0, 5.0), (20.0, 10.0)])
    svg = charts.chart("t", [series])
    _, ((x0, y0), (x1, y1), (x2, y2)) = coordinates(svg, "d")
    assert x1 - x0 == pytest.approx(x2 - x1, abs=0.11)
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.11)
    assert y2 < y1 < y0
    tick = re.search(r'y="([\d.]+)">10</text>', svg)[1]
    assert float(tick) == pytest.approx(y2 + 4.5, abs=0.11)
    assert svg.count("<circle") == 3


def test_a_wide_range_is_logarithmic_and_says_so():
    series = charts.Series("x", "s", [(0.0, 1.0), (1.0, 10.0), (2.0, 100.0)])
    svg = charts.chart("t", [series], ("base", 3.0))
    assert "log scale" in svg
    _, ((_, y0), (_, y1), (_, y2)) = coordinates(svg, "s")
    assert y0 - y1 == pytest.approx(y1 - y2, abs=0.11)
    level = float(re.search(r'class="reference" d="M\d+ ([\d.]+)H', svg)[1])
    assert (y0 - level) / (y0 - y1) == pytest.approx(math.log10(3), abs=0.01)


def test_what_is_not_finite_breaks_the_curve():
    ys = [1.0, 2.0, math.nan, 3.0, math.inf, 4.0, 5.0]
    svg = charts.chart("t", [charts.Series("x", "d", [(float(i), y) for i, y in enumerate(ys)])])
    d, found = coordinates(svg, "d")
    assert d.count("M") == 3
    assert d.count("h0") == 1  # the single point between two gaps is a dot
    assert len(found) == 5
    assert "2 values not finite" in svg
    assert "nan" not in svg.lower().replace("not finite", "")
    assert charts.chart("t", [charts.Series("x", "d", [(0.0, math.nan)])]) is None
    assert charts.chart("t", [charts.Series("x", "d", [])]) is None


# --- the page ----------------------------------------------------------------------------------


def test_the_page_says_what_happened(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pictures = []
    for step in range(0, 2000, 100):
        path = tmp_path / f"{step}.png"
        save_png(path, np.full((8, 8), step % 255, np.uint8))
        pictures.append((step, path))
    save_png(tmp_path / "real.png", np.zeros((600, 600, 3), np.uint8))
    text, page = report(tmp_path, samples=pictures, real_png=tmp_path / "real.png")
    words = " ".join(page.text)
    for expected in (
        "real images 16; at the start 300",
        "real against real",
        "discriminator",
        "generator",
        "weights sha256",
        "pygan train --resume 'runs/a run'",
        "pygan sample 'runs/a run' -n 64 --seed 3",
        "step 1,900",
    ):
        assert expected in words
    sources = [value for name, value in page.attributes if name == "src"]
    assert len(sources) == 2 + 8  # the last, the real ones, and the strip
    images = [base64.b64decode(s.removeprefix("data:image/png;base64,")) for s in sources]
    assert images[0] == images[-1] == pictures[-1][1].read_bytes()
    assert images[2] == pictures[0][1].read_bytes()
    assert Image.open(io.BytesIO(images[1])).size == (600, 600)
    assert page.tags.count("svg") == 3
    assert text.count('class="reference"') == 1
    ids = [value for name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_the_page_needs_nothing_else(tmp_path):
    text, page = report(tmp_path)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not [v for n, v in page.attributes if n in ("src", "href") and v[:1] not in ("d", "#")]
    assert not re.search(r"https?:|url\(|@import", text)
    assert "prefers-color-scheme: dark" in text


def test_everything_is_escaped(tmp_path):
    evil = '</pre></title><script>alert("x")</script>&\x00\x1b\ud800'
    _, page = report(
        tmp_path,
        title=evil,
        config_toml=evil,
        machine={evil: evil},
        summary={evil: [evil, {evil: evil}]},
    )
    assert "script" not in page.tags
    words = "".join(page.text)
    assert words.count('<script>alert("x")</script>&') == 9
    assert not re.search("[\x00\x1b\ud800]", words)


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        [{}],
        [{"step": None, "loss_d": 1.0}],
        [{"step": 0}],
        [{"step": 0, "swd": 300.0}],
        [{"step": 0, "loss_d": math.nan, "loss_g": math.inf, "swd": math.nan, "swd_real": None}],
        [{"step": 5, "loss_d": "high", "time_s": True, "swd": 0.0, "swd_real": 0.0}],
        [{"step": s, "loss_d": 1e300, "loss_g": 10**400, "images_per_s": 0} for s in range(100)],
        [{"step": 1, "loss_d": -5e-324}, {"step": 2, "loss_d": 5e-324}],
        [{"step": s, "loss_d": 1e29 if s % 2 else 1e-29} for s in range(100)],
    ],
)
def test_odd_metrics_still_make_a_page(tmp_path, metrics):
    text, page = report(
        tmp_path,
        metrics=metrics,
        samples=[(0, tmp_path / "missing.png")],
        real_png=tmp_path / "missing.png",
        machine={},
        summary={},
        config_toml="",
    )
    assert "Configuration" in "".join(page.text)
    drawn = "".join(re.findall(r"<svg.*?</svg>", text, re.DOTALL))
    assert not re.search(r'="[^"]*(nan|inf)\b', drawn)
    assert "img" not in page.tags


def test_of_two_lines_with_one_step_the_later_counts(tmp_path):
    rows = [{"step": 9, "swd": 5.0}, {"step": 0, "swd": 77.0}, {"step": 9, "swd": 6.0}]
    _, page = report(tmp_path, metrics=rows)
    cells = "|".join(page.text)
    assert "6.0" in cells
    assert "5.0" not in cells
    assert "at the start 77" in cells
    assert cells.index("77.0") < cells.index("6.0")  # in the table, by step


def test_a_long_run_makes_a_small_page(tmp_path):
    rng = np.random.default_rng(0)
    rows = [
        {"step": s, "loss_d": rng.normal(), "loss_g": rng.normal(), "images_per_s": rng.normal()}
        for s in range(20_000)
    ]
    text, _ = report(tmp_path, metrics=rows)
    assert len(text) < 150_000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.16, "4.2 s"), (59.97, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text
