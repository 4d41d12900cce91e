"""The benchmarks' logic: what is compared, counted and shown. No test looks at a time."""

from __future__ import annotations

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import report, scaling  # noqa: E402
from benchmarks.kernels import cases, plot, run, single, sizes, table  # noqa: E402
from benchmarks.roofline import Roofline  # noqa: E402
from benchmarks.targets.measure import compare, interval, missed  # noqa: E402


def test_every_operation_is_timed_or_left_out_for_a_reason() -> None:
    assert set(sizes.SIZES) | set(sizes.LEFT_OUT) == set(sizes.CASES)
    assert not set(sizes.SIZES) & set(sizes.LEFT_OUT)
    assert all(sizes.LEFT_OUT.values())


def test_examples_are_the_same_in_every_process() -> None:
    for name in ("conv2d", "take_pixels", "bce_with_logits"):
        for a, b in zip(sizes.example(name).inputs, sizes.example(name).inputs, strict=True):
            np.testing.assert_array_equal(a, b)


def test_interval_holds_the_median_of_15_with_95_percent() -> None:
    # binomial: P(fewer than 4 of 15 on one side) x 2 = 0.035, of fewer than 5: 0.118
    assert interval([float(i) for i in range(15)]) == (3.0, 11.0)


def test_a_wrong_gradient_is_found_and_a_small_one_is_measured_against_the_network() -> None:
    right = {"D.w": np.ones(100), "D.b": np.full(1, 1e-6)}
    assert compare(right, right)[0] == 0
    worse, where = compare({**right, "D.w": np.ones(100) * 1.001}, right)
    assert where == "D.w"
    assert worse == pytest.approx(1e-3)
    noisy, _ = compare({**right, "D.b": np.zeros(1)}, right)
    assert noisy < 1e-3  # the whole gradient's norm is 10, of which 1e-3 is the floor
    with pytest.raises(ValueError, match="other results"):
        compare({"D.w": np.ones(100)}, right)


def test_roofline() -> None:
    roof = Roofline(gflops=500.0, gbs=50.0)
    assert roof.percent(1e9, 1e6, 4e-3) == pytest.approx(50)
    assert roof.bound(1e9, 1e6) == "arithmetic"
    assert roof.percent(1e6, 1e9, 40e-3) == pytest.approx(50)
    assert roof.bound(1e6, 1e9) == "memory"


def test_shapes_and_settings_of_the_command_line() -> None:
    assert single.parse_shape("64x32x3") == (64, 32, 3)
    assert single.parse_shape("scalar") == ()
    for wrong in ("64,32", "3x-1", "x", "abc"):
        with pytest.raises(ValueError, match=r"64x32x32x3"):
            single.parse_shape(wrong)
    assert single.parse_settings(["stride=2", "axes=(0, 2)", "mode=reflect"]) == {
        "stride": 2,
        "axes": (0, 2),
        "mode": "reflect",
    }
    with pytest.raises(ValueError, match="name=value"):
        single.parse_settings(["stride"])
    with pytest.raises(ValueError, match="2 inputs, 1 shapes"):
        single.example("matmul", ["3x4"], [])
    made = single.example("matmul", ["3x4", "4x5"], [])
    assert [x.shape for x in made.inputs] == [(3, 4), (4, 5)]
    assert (single.example("sqrt", ["7x3"], []).inputs[0] > 0).all()


def row(op: str, which: str, flops: float, moved: float, seconds: float) -> dict:
    (made,) = run.rows_of(op, [seconds], [{"flops": flops, "bytes": moved}], Roofline(500, 50))[:1]
    return {**made, "pass": which}


@pytest.fixture
def result(monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setitem(cases.CASES, "neg", cases.CASES["sign"])  # one pass, as rows_of is given
    monkeypatch.setitem(cases.CASES, "matmul", cases.CASES["sign"])
    rows = [row("neg", "forward", 4e6, 3e7, 1e-3), row("matmul", "backward", 2e9, 1e7, 6e-3)]
    rows[0]["peers"]["NumPy"] = {"ratio": 2.0, "low": 1.5, "high": 3.0, "ms": 2.0, "checked": 0.0}
    machine = {"cpu": "a <fast> one", "threads": 2, "isa": "avx2"}
    return {"machine": machine, "gflops": 500.0, "gbs": 50.0, "rows": rows}


def test_tables_show_every_figure(result: dict) -> None:
    for text in (table.text(result), table.markdown(result)):
        assert "2.00 [1.50]" in text
        assert "333.3" in text  # GFLOP/s of the product
        assert "60" in text  # percent of the memory's bandwidth
    assert "micro-kernel 500 GFLOP/s" in table.markdown(result)


def test_plots_are_svg_and_show_every_operation(result: dict) -> None:
    tree = ET.fromstring(plot.roofline(result))
    titles = [t.text or "" for t in tree.iter("{http://www.w3.org/2000/svg}title")]
    assert [t.split(":")[0] for t in titles] == ["matmul backward", "neg forward"]
    grown = [scaling.growth("batch", {16: 0.1, 32: 0.2, 64: 0.4}, False)]
    assert grown[0]["slope"] == pytest.approx(1)
    assert grown[0]["good"]
    assert not scaling.growth("pixels", {16: 0.1, 32: 0.2, 64: 0.4}, True)["good"]
    ET.fromstring(scaling.plot({"machine": result["machine"], "series": grown}))


def test_results_have_what_a_reader_of_them_needs() -> None:
    assert report.results()
    for name, rows in report.results():
        for r in rows:
            assert {"case", "unit", "cpu", "peer_name"} <= r.keys(), name
            numbers = [r[key] for key in ("value", "low", "high", "pygan", "peer", "checked")]
            assert all(isinstance(n, float | int) for n in numbers), (name, r["case"])
            assert r["checked"] <= 1e-4, (name, r["case"])
            assert r["low"] <= r["value"] <= r["high"], (name, r["case"])
            missed(r)


def test_the_pages_hold_what_was_measured() -> None:
    for page in report.PAGES:
        text = page.read_text()
        assert "<!-- benchmarks:" in text
        assert report.filled(text) == text, f"run python -m benchmarks readme: {page.name}"


def test_an_operation_beside_numpy_end_to_end(tmp_path: Path) -> None:
    """Processes, comparison, table and JSON: of one small operation."""
    command = [sys.executable, "-m", "benchmarks", "kernels", "--op", "take_reduced"]
    command += ["--peer", "numpy", "--rounds", "1", "--threads", "1", "--json"]
    done = subprocess.run(
        [*command, str(tmp_path / "out.json")], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "take_reduced" in done.stdout
    written = json.loads((tmp_path / "out.json").read_text())
    assert [r["pass"] for r in written["rows"]] == ["forward", "backward"]
    for r in written["rows"]:
        assert r["bytes"] > 0
        ((_, peer),) = r["peers"].items()
        assert peer["checked"] <= 1e-4
        assert peer["low"] <= peer["ratio"] <= peer["high"]
