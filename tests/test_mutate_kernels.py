"""tools/mutate_kernels.py: what it finds in tricky sources, what it writes, what it reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import mutate_kernels  # noqa: E402
from mutation import report, sites  # noqa: E402
from mutation.engine import kernel_sources  # noqa: E402
from mutation.report import Outcome  # noqa: E402
from mutation.sites import find_sites, instrument, shared_parameters  # noqa: E402
from mutation.tokens import Source  # noqa: E402


def found(text: str) -> list[tuple[str, str, str]]:
    source = Source(text, "x.cu")
    return [
        (s.kind, s.original, s.mutated) for s in find_sites(source, shared_parameters([source]))
    ]


def changed(body: str) -> str:
    """The instrumented body of a kernel."""
    source = Source(f"PYGAN_KERNEL void k() {{ {body} }}", "x.cu")
    text = instrument(source, shared_parameters([source]), 1, "x.cu")
    return (
        text.split("{ ", 1)[1].rsplit(" }", 1)[0].replace("::pygan::emu::", "").replace(" ,", ",")
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("__syncthreads();", "(chosen(1) ? void() : __syncthreads());"),
        ("__syncwarp();", "(chosen(1) ? void() : __syncwarp());"),
        (
            "n = __syncthreads_count(a < b);",
            "n = (chosen(2) ? int((less(1, a, b)) != 0) : __syncthreads_count(less(1, a, b)));",
        ),
        (
            "__syncwarp(m);",
            "(chosen(2) ? void() : __syncwarp((chosen(1) ? 0xffffffffu : (m))));",
        ),
        (
            "v = __shfl_sync(1u << i, v, 0);",
            "v = __shfl_sync((chosen(1) ? 0xffffffffu : (1u << i)), v, 0);",
        ),
        ("v = __shfl_sync(kFullWarp, v, 0);", "v = __shfl_sync(kFullWarp, v, 0);"),
        (
            "for (int i = 0; i < n; ++i) f(i);",
            "for (int i = 0; i < (n) + chosen(1) - chosen(2); ++i) f(i);",
        ),
        (
            "while (at - 1 >= least(a, b) && x) --at;",
            "while (at - 1 >= (least(a, b)) - chosen(1) + chosen(2) && x) --at;",
        ),
        ("for (int d = 16; d; d /= 2) f(d);", "for (int d = 16; (d > chosen(1)); d /= 2) f(d);"),
        ("while (x % step != 0) ++x;", "while (x % step != 0) ++x;"),
        ("if (i + 1 <= n) f();", "if (less_equal(1, i + 1, n)) f();"),
        ("if (a || h >= n) return;", "if (a || greater_equal(1, h, n)) return;"),
        ("y = k < end ? x[k] : 0;", "y = less(1, k, end) ? x[k] : 0;"),
        ("y = select(x > T(0), x, T(0));", "y = select(x > T(0), x, T(0));"),
        ("y = x <= 0.5f;", "y = x <= 0.5f;"),
        ("y = static_cast<int>(z);", "y = static_cast<int>(z);"),
        ("if constexpr (N < 4) f();", "if constexpr (N < 4) f();"),
        ("static_assert(a < b);", "static_assert(a < b);"),
        ("constexpr bool w = N < 4;", "constexpr bool w = N < 4;"),
        ("f(); // if (a < b) __syncthreads();", "f(); // if (a < b) __syncthreads();"),
        ('g("a < b; __syncwarp()", \'"\');', 'g("a < b; __syncwarp()", \'"\');'),
        ('f(R"x( a < b )" )x"); /* a < b */', 'f(R"x( a < b )" )x"); /* a < b */'),
    ],
)
def test_changes(body: str, expected: str) -> None:
    assert changed(body + "\n").rstrip() == expected


def test_shared_subscripts() -> None:
    text = """
template <class T>
PYGAN_DEVICE T total(const T* partial, const T* other) { return partial[1] + other[1]; }
template <class T>
PYGAN_DEVICE void clear(T (&slice)[4][5], int (&sums)[2]) { slice[2][3] = T(0); sums[0] = 0; }
template <class T>
PYGAN_KERNEL void k(const T* x, T* y) {
  PYGAN_SHARED(T, tile, [2][4][5]);
  PYGAN_DYNAMIC_SHARED(T, more);
  int sums[2];
  tile[0][i][lane < 3] = x[i];
  T* const row = &tile[0][1][0];
  row[2] = more[row[i]];
  const T value = tile[0][0][0];
  clear<T>(tile[1], sums);
  y[0] = total(more + 3, x);
  other.tile[7] = 0;
}
"""
    originals = [o for kind, o, _ in found(text) if kind == "shared_index"]
    expected = ["partial[1]", "slice[2]", "slice[2][3]", "tile[0]", "tile[0][i]"]
    expected += ["tile[0][i][lane < 3]", "tile[0]", "tile[0][1]", "tile[0][1][0]", "row[2]"]
    expected += ["more[row[i]]", "row[i]", "tile[0]", "tile[0][0]", "tile[0][0][0]", "tile[1]"]
    assert sorted(originals) == sorted(expected)
    source = Source(text, "x.cu")
    copy = instrument(source, shared_parameters([source]), 1, "x.cu").replace("::pygan::emu::", "")
    assert "more[(row[(i) + chosen(" in copy
    assert "sums[0] = 0" in copy


def test_only_code_of_the_device() -> None:
    text = """
#include "a < b"
#define F(a, b) \\
  if (a < b) __syncthreads()
void host(int n) { for (int i = 0; i < n; ++i) f(); }
PYGAN_DEVICE inline int declared(int a);
PYGAN_DEVICE constexpr int early(int a) { return a < 3; }
struct S {
  PYGAN_DEVICE S(int a) : a_{a}, b_(a) { if (a < b) f(); }
  PYGAN_DEVICE int operator()(int a) const { return a < 2; }
};
PYGAN_KERNEL void __launch_bounds__(256) k(int n) { if (n < 1) return; }
#ifdef __CUDACC__
PYGAN_DEVICE void gpu() { if (a < 4) return; }
#else
PYGAN_DEVICE void emu() { if (a < 5) return; }
#endif
#ifndef __CUDACC__
PYGAN_DEVICE void emu2() { if (a < 6) return; }
#endif
"""
    source = Source(text, "x.cu")
    assert [f.name for f in source.functions] == ["S", "operator()", "k", "emu", "emu2"]
    assert [o for _, o, _ in found(text)] == ["a < b", "a < 2", "n < 1", "a < 5", "a < 6"]


def test_lines_stay() -> None:
    text = (
        "PYGAN_KERNEL void k(int n) {\n  if (n <\n      f(1,  // why\n        2))\n"
        "    return;\n  __syncthreads_or(\n      n < 2);\n  g();\n}\n"
    )
    source = Source(text, "k.cu")
    copy = instrument(source, {}, 1, "k.cu")
    assert copy.startswith('#include "emu/mutants.h"\n#line 1 "k.cu"\n')
    lines = copy.split("\n")[2:]
    assert len(lines) == len(text.split("\n"))
    assert lines[7] == "  g();"
    assert [(s.line, s.original) for s in find_sites(source, {})][-1] == (2, "n < f(1, 2)")


def test_unbalanced_source() -> None:
    with pytest.raises(ValueError, match=r"k\.cu:2: unbalanced '\)'"):
        Source("PYGAN_KERNEL void k() {\n f)(; }", "k.cu")


def test_kernels_of_the_package() -> None:
    """The tool reads every kernel file, and there is enough to break."""
    sources = kernel_sources(ROOT / "csrc")
    parameters = shared_parameters(sources)
    all_sites = [s for source in sources for s in find_sites(source, parameters)]
    kinds = {kind: sum(s.kind == kind for s in all_sites) for kind in sites.KINDS}
    assert len(all_sites) >= 100
    assert all(kinds[k] for k in ("barrier_block", "shared_index", "loop_longer", "guard")), kinds
    for source in sources:  # every barrier is found
        text = "".join(f" {t.text} " for t in source.tokens)
        of = sum(s.file == source.path and s.kind.startswith("barrier") for s in all_sites)
        assert of == text.count(" __syncthreads") + text.count(" __syncwarp "), source.path


def outcomes() -> list[Outcome]:
    source = Source(
        "PYGAN_KERNEL void k(int n) {\n  __syncthreads();\n  if (n < 2) f();\n}", "k.cu"
    )
    barrier, guard = sorted(find_sites(source, {}), key=lambda s: s.line)
    return [Outcome(barrier, "race", "x.cu:2: race"), Outcome(guard, "survived", "8 trials")]


def test_report() -> None:
    caught, survivor = outcomes()
    figures = json.loads(json.dumps(report.summary([caught, survivor])))
    assert set(figures) == {"total", "caught", "by_kind", "caught_by", "survivors"}
    assert (figures["total"], figures["caught"]) == (2, 1)
    assert set(figures["by_kind"]) == set(sites.KINDS)
    assert figures["by_kind"]["barrier_block"] == {"caught": 1, "total": 1}
    assert figures["by_kind"]["guard"] == {"caught": 0, "total": 1}
    (row,) = figures["survivors"]
    assert (row["file"], row["line"], row["kind"]) == ("k.cu", 3, "guard")
    assert (row["original"], row["mutated"], row["explanation"]) == ("n < 2", "n <= 2", "")
    assert "guard                  0       1" in report.table([caught, survivor])
    found = report.problems([caught, survivor], [])
    assert "k.cu:3 guard: n < 2 -> n <= 2: survived, and not explained" in found
    assert "1 of 2 mutants are caught, 95% are wanted" in found
    caught.how = "survived"
    assert any("a barrier that nothing misses" in p for p in report.problems([caught], []))


def test_explanations(tmp_path: Path) -> None:
    entry = '[[mutant]]\nfile = "k.cu"\ntext = "if (n < 2) f();"\nmutated = "n <= 2"\n'
    entry += 'why = "n is odd"\n'
    file = tmp_path / "explained.toml"
    file.write_text(entry)
    of = outcomes()
    assert report.explain(of, path=file) == []
    assert of[1].explanation == "n is odd"
    of[1].how = "wrong result"
    assert "is caught now" in report.explain(of, path=file)[0]
    file.write_text(entry.replace("n < 2", "n < 3"))
    assert "no such mutant" in report.explain(outcomes(), path=file)[0]
    assert report.explain(outcomes(), whole=False, path=file) == []


def test_list(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert mutate_kernels.main(["--list", "--only", "leaky_relu", "--build", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "csrc/ops/leaky_relu/leaky_relu_cuda.cu:13 loop_longer: i < n -> i < n + 1" in lines[0]


@pytest.mark.long
@pytest.mark.emu
def test_mutants_of_a_kernel(tmp_path: Path) -> None:
    """From end to end, in a process of its own: it imports another build of the package."""
    import subprocess

    file = tmp_path / "out.json"
    tool = [sys.executable, str(ROOT / "tools/mutate_kernels.py"), "--json", str(file)]
    done = subprocess.run(
        [*tool, "--only", "leaky_relu", "--ops", "relu", "--examples", "8"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads(file.read_text())
    assert (figures["total"], figures["caught"]) == (4, 4)
    assert figures["survivors"] == []
