"""The emulator's checker against planted mistakes: each is reported with file and line, in every
schedule, and kernels without a mistake are not.

The kernels of ``races.cu``, ``overruns.cu``, ``meetings.cu`` and ``clean.cu`` are compiled with the
emulator alone into one program, without Python. A comment ``// [mark]`` names the line that a
message must name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).parent
CSRC = HERE.parent.parent / "csrc"
KERNELS = [HERE / f"{name}.cu" for name in ("races", "overruns", "meetings", "clean", "counts")]
SCHEDULES = ["forward", "reverse", "random:1", "random:2", "random:3"]
FLAGS = ["-std=c++20", f"-I{CSRC}", f"-I{HERE}", "-O1", "-Wall", "-Wextra", "-ffp-contract=off"]
CHECKED = ["-g1", "-fsanitize=thread", "-DPYGAN_BACKEND=backend_check", "-DPYGAN_EMU_CHECKED"]
BOUNDS = {True: "-fsanitize=array-bounds", False: "-fsanitize=bounds-strict"}  # clang, GCC


def find_compiler() -> str:
    compiler = os.environ.get("CXX") or shutil.which("g++") or shutil.which("clang++")
    if compiler is None:
        pytest.skip("no C++ compiler")
    return compiler


@pytest.fixture(scope="session")
def planted(request: pytest.FixtureRequest) -> Path:
    """The program, compiled anew where a source has changed; its object files stay beside it."""
    compiler = find_compiler()
    inputs = sorted([*CSRC.glob("emu/*"), *CSRC.glob("device/*"), *CSRC.glob("core/*.h")])
    digest = hashlib.sha256(" ".join([compiler, *FLAGS, *CHECKED]).encode())
    for file in [*inputs, *KERNELS, HERE / "planted.h", HERE / "planted.cpp"]:
        digest.update(file.read_bytes())
    folder = Path(request.config.cache.mkdir("planted"))
    program = folder / digest.hexdigest()[:16]
    if program.exists():
        return program
    shutil.rmtree(folder)
    folder.mkdir()

    def compiled(source: Path) -> Path:
        out = folder / f"{source.stem}.o"
        flags = [*FLAGS, "-fPIE", "-fvisibility=hidden"]
        if source.suffix == ".cu":
            flags += [*CHECKED, BOUNDS["clang" in compiler], "-x", "c++"]
        run = subprocess.run(
            [compiler, *flags, "-c", source, "-o", out], capture_output=True, text=True
        )
        assert run.returncode == 0, f"{source.name} does not compile:\n{run.stderr}"
        return out

    sources = [*KERNELS, HERE / "planted.cpp", *CSRC.glob("emu/*.cpp")]
    with ThreadPoolExecutor(2) as pool:
        objects = list(pool.map(compiled, sources))
    partial = folder / "partial"
    subprocess.run([compiler, "-pie", *objects, "-o", partial, "-lpthread", "-ldl"], check=True)
    partial.rename(program)
    return program


@pytest.fixture(scope="session")
def outcomes(planted: Path) -> dict[tuple[str, str], tuple[float, str]]:
    """(case, schedule): the kernel's value and the message."""
    run = subprocess.run([planted, *SCHEDULES], capture_output=True, text=True, check=True)
    found = {}
    for line in run.stdout.splitlines():
        case, schedule, value, message = line.split("\t")
        found[case, schedule] = float(value), message.replace("\\n", "\n")
    return found


def marks() -> dict[str, str]:
    """Mark -> "file:line"."""
    found = {}
    for file in KERNELS:
        for number, line in enumerate(file.read_text().splitlines(), 1):
            if mark := re.search(r"// \[([^]]+)\]", line):
                assert mark[1] not in found, f"{mark[1]} twice"
                found[mark[1]] = f"{file.name}:{number}"
    return found


THREAD = r"thread \(\d+,\d+,\d+\) of block \(\d+,\d+,\d+\)"
RACE = rf"race on byte \d+ of .*{THREAD}.*{THREAD}"
OUTSIDE = rf"access outside of any array: {THREAD}"
UNWRITTEN = rf"read of memory that nobody has written yet: {THREAD}"
# case->marks of the lines that must be named, and what the message says
PLANTED: dict[str, tuple[list[str], str]] = {
    "race_shared": (["race_shared write", "race_shared read"], RACE + ".*no barrier between"),
    "race_read_then_write": (
        ["race_read_then_write read", "race_read_then_write write"],
        rf"race on byte \d+ of 'tile' \(shared, 128 bytes, declared at races.cu:\d+\): {THREAD}",
    ),
    "race_shuffle_is_no_barrier": (
        ["race_shuffle_is_no_barrier write", "race_shuffle_is_no_barrier read"],
        RACE,
    ),
    "race_half_mask": (["race_half_mask write", "race_half_mask read"], RACE),
    "race_other_warp": (["race_other_warp write", "race_other_warp read"], RACE),
    "race_two_blocks": (
        ["race_two_blocks write"],
        r"kernel two_writers: race on byte 0 of global block \d+ \(4 bytes\): .*"
        r"of block \(.,0,0\) writes at .* of block \(.,0,0\) writes .*blocks are not ordered",
    ),
    "race_one_atomic": (["race_one_atomic update", "race_one_atomic write"], "atomically"),
    "race_bytes": (["race_bytes write"], RACE),
    "race_order_matters": (["race_order_matters write"], RACE),
    "overrun_global_read": (
        ["read"],
        OUTSIDE + r" reads 4 bytes .* 0 bytes past the end of global",
    ),
    "overrun_global_write": (["write"], OUTSIDE + " writes 4 bytes .* 0 bytes past the end of"),
    "underrun_global_read": (["read"], OUTSIDE + " reads 4 bytes .* 4 bytes before the start of"),
    "overrun_far": (["read"], OUTSIDE + r" reads 4 bytes .* \d{12,} bytes past the end of global"),
    "null_pointer": (["read"], OUTSIDE + " reads 4 bytes .*a null pointer"),
    "host_memory": (["read"], OUTSIDE),
    "released_memory": (["read"], OUTSIDE),
    "overrun_shared": (
        ["shared write"],
        OUTSIDE + r" writes 4 bytes .* 0 bytes past the end of 'tile' \(shared, 128 bytes",
    ),
    "underrun_shared": (["shared write"], OUTSIDE + " .* 4 bytes before the start of 'tile'"),
    "overrun_shared_far": (["shared write"], OUTSIDE + r" .* bytes past the end of 'tile'"),
    "overrun_row": (
        ["next row"],
        rf"{THREAD}: index 32 is outside of the array of type 'float \[32\]' at",
    ),
    "underrun_row": (["next row"], rf"{THREAD}: index -1 is outside of the array of type"),
    "overrun_registers": (["registers"], rf"{THREAD}: index 4 .* 'float \[4\]' at"),
    "overrun_dynamic": (
        ["dynamic write"],
        OUTSIDE + r" .* 0 bytes past the end of 'dynamic shared memory' \(shared, 128 bytes",
    ),
    "other_threads_variable": (["other stack"], OUTSIDE + f" reads 4 .*a variable of {THREAD}"),
    "misaligned_16": (["wide"], f"misaligned access: {THREAD} reads 16 bytes"),
    "misaligned_load4": (["load4"], "misaligned access of 16 bytes"),
    "misaligned_8": (["pair"], f"misaligned access: {THREAD} reads 8 bytes"),
    "unwritten_shared": (["unwritten shared"], UNWRITTEN + ".* byte 128 of 'tile'"),
    "unwritten_global": (["read"], UNWRITTEN + r".* global block \d+ \(128 bytes\)"),
    "unwritten_vector": (["unwritten vector"], UNWRITTEN + " reads 16 bytes .* byte 12 of 'tile'"),
    "unwritten_atomic": (["unwritten atomic"], UNWRITTEN),
    "cp_async_early_read": (
        ["cp.async issue", "cp.async early read"],
        "read of a cp.async's target before the wait",
    ),
    "cp_async_wrong_count": (
        ["cp.async second issue", "cp.async second read"],
        "read of a cp.async's target before the wait",
    ),
    "cp_async_no_barrier": (["cp.async race write", "cp.async race read"], RACE),
    "cp_async_overrun": (["cp.async overrun"], OUTSIDE + " reads 16 bytes"),
    "cp_async_never_waits": (["cp.async left"], "cp.async copies in flight"),
    "ldmatrix_overrun": (["ldmatrix overrun"], OUTSIDE + " reads 16 bytes .*'tile'"),
    "barrier_two_lines": (["barrier low", "barrier high"], "waits at another"),
    "barrier_left": (["barrier missed"], "leaves the kernel|has left the kernel"),
    "barrier_kinds": (["barrier kinds"], "waits at another"),
    "mask_without_caller": (["mask without caller"], "caller's lane is not in the mask 0x0000ffff"),
    "masks_disagree": (["mask wide", "mask narrow"], "0xffff0001.*0xffffffff|0xf{8}.*0xffff0001"),
    "widths_disagree": (["width 32", "width 16"], "does not meet"),
    "operations_disagree": (["operation shuffle", "operation sync"], "does not meet"),
    "lane_exited": (["exited lane"], r"leaves the kernel|names thread \(7,0,0\).*has left"),
    "lane_missing": (["no such lane"], "names lane 20, which this block does not have"),
    "source_outside_mask": (["source lane"], "lane 15 reads lane 16, which is not in the mask"),
    "deadlock": (["deadlock block", "deadlock warp"], "deadlock: .*in __syncwarp"),
    "block_too_large": (["block too large"], r"ConfigError: .*block \(1025, 1, 1\): 1 to 1024"),
    "grid_empty": (["grid empty"], r"ConfigError: .*grid \(0, 1, 1\)"),
    "dynamic_too_large": (["dynamic too large"], "ConfigError: .*102400 bytes of shared memory"),
    "static_too_large": (["static too large"], "49156 bytes with 'more'; at most 49152"),
    "red_zone": (["red zone array"], r"block \(0,0,0\) wrote outside its shared array 'tile'"),
}
CLEAN = {
    "clean_warp_tree": 32,
    "clean_groups": 496,
    "clean_chain": 3,
    "clean_double_buffer": 8,
    "clean_pipeline": 8,
    "clean_bytes": 5,
    "clean_atomics": 192 + 191,
    "clean_in_place": 64,
    "clean_turns": 6,
    "clean_tiles": 217.5,
    "clean_padding": 9,
    "clean_constants": 8,
    "clean_two_types": 7,
    "clean_wide": 5,
}


def test_every_planted_kernel_is_judged(outcomes: dict) -> None:
    judged = PLANTED.keys() | CLEAN.keys()
    assert {case for case, _ in outcomes if not case.startswith("traffic_")} == judged


@pytest.mark.parametrize("case", PLANTED)
def test_mistake_is_reported(case: str, outcomes: dict) -> None:
    names, pattern = PLANTED[case]
    lines = marks()
    for schedule in SCHEDULES:
        _, message = outcomes[case, schedule]
        assert re.search(pattern, message), (schedule, message)
        for name in names:
            assert re.search(re.escape(lines[name]) + r"\b", message), (schedule, name, message)


@pytest.mark.parametrize("case", CLEAN)
def test_clean_kernel_is_not(case: str, outcomes: dict) -> None:
    for schedule in SCHEDULES:
        assert outcomes[case, schedule] == (CLEAN[case], ""), schedule


def test_one_line_for_one_mistake(outcomes: dict) -> None:
    _, message = outcomes["race_two_blocks", "forward"]
    assert "\n" not in message
    _, message = outcomes["race_shared", "forward"]
    assert re.search(r"2 mistakes:\n  1\. .*\n  2\. race", message)


def test_a_race_shows_in_the_schedules(outcomes: dict) -> None:
    """What depends on the order of a kernel's threads differs between the schedules."""
    values = {outcomes["race_order_matters", s][1].split()[1] for s in ("forward", "reverse")}
    assert values == {"7.000000", "0.000000"}


# mark -> what, warps, threads, sectors, the fewest possible, bank conflicts
TRAFFIC = {
    "traffic_banks": {
        "row": ("shared write", 32, 1024, 0, 0, 0),
        "column": ("shared read", 1, 32, 0, 0, 31),
        "padded column": ("shared read", 1, 32, 0, 0, 0),
        "pairs": ("shared read", 1, 32, 0, 0, 0),
        "stride 2": ("shared read", 1, 32, 0, 0, 1),
        "broadcast": ("shared read", 1, 32, 0, 0, 0),
        "vectors": ("shared read", 1, 32, 0, 0, 0),
        "warp sync": ("shared warp sync", 1, 0, 0, 0, 0),
        "barrier": ("shared barrier", 1, 0, 0, 0, 0),
    },
    "traffic_doubles": {
        "doubles": ("shared write", 1, 32, 0, 0, 0),
        "doubles of stride 2": ("shared write", 1, 32, 0, 0, 2),
    },
    "traffic_sectors": {
        "dense": ("global read", 1, 32, 4, 4, 0),
        "every other": ("global read", 1, 32, 8, 4, 0),
        "off by one": ("global read", 1, 32, 5, 4, 0),
        "one for all": ("global read", 1, 32, 1, 1, 0),
        "global vectors": ("global read", 1, 32, 16, 16, 0),
        "eight lanes": ("global write", 1, 8, 1, 1, 0),
    },
}


@pytest.mark.parametrize("case", TRAFFIC)
def test_sectors_and_bank_conflicts(case: str, planted: Path) -> None:
    run = subprocess.run([planted, "--rows", case], capture_output=True, text=True, check=True)
    counts: dict[int, list] = {}
    for row in run.stdout.splitlines():
        _, line, what, *numbers = row.split("\t")
        counts.setdefault(int(line), []).append((what, *map(int, numbers)))
    lines = marks()
    for mark, expected in TRAFFIC[case].items():
        assert expected in counts[int(lines[mark].split(":")[1])], (mark, run.stdout)


def test_gdb_stops_in_a_thread_and_prints_its_tile(planted: Path, tmp_path: Path) -> None:
    """As docs/emulator.md says: thread (5,0,0) of block 2, the shared tile as an array."""
    if shutil.which("gdb") is None:
        pytest.skip("no gdb")
    compiler = find_compiler()
    objects = [file for file in planted.parent.glob("*.o") if file.stem not in ("clean", "debug")]
    for source in (HERE / "clean.cu", CSRC / "emu" / "debug.cpp"):
        objects.append(tmp_path / f"{source.stem}.o")
        flags = [*FLAGS, "-O0", "-g", "-fPIE", "-DPYGAN_BACKEND=backend_emu", "-x", "c++"]
        subprocess.run([compiler, *flags, "-c", source, "-o", objects[-1]], check=True)
    program = tmp_path / "program"
    command = [compiler, "-pie", *objects, "-o", program, "-lpthread", "-ldl"]
    subprocess.run(command, check=True)
    commands = [
        f"break {marks()['stop here']} if pygan_emu_at(2,0,0, 5,0,0)",
        "run --only clean_tiles random:1",
        "print pygan_emu_who()",
        "print i",
        "print tile[1]",
        "next",
        "print y[at]",
    ]
    gdb = ["gdb", "-q", "-batch", *(word for c in commands for word in ("-ex", c)), str(program)]
    text = subprocess.run(gdb, capture_output=True, text=True, check=True).stdout
    assert '"thread (5,0,0) of block (2,0,0)"' in text
    assert "= 5\n" in text
    row = ", ".join(f"{200 + 16 + i + 0.5:g}" for i in range(16))
    assert f"= {{{row}}}" in text
    assert "= 217.5\n" in text
