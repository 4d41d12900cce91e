"""A second opinion on the kernels: ThreadSanitizer, AddressSanitizer, UndefinedBehaviorSanitizer.

    python tools/sanitize_kernels.py [thread] [address] [undefined] [--planted-only]

For each, two programs whose kernels run on the emulator's fibers:

1. the planted mistakes of ``tests/emu`` as a standalone executable: the sanitizer must report those
   that are within its reach, and nothing of the kernels without a mistake;
2. pygan's compiled module, built in ``build/sanitize-NAME`` and loaded into Python with the
   sanitizer's library before it: it must report nothing of one example of every operation, forward
   and backward.

Exit code 0 where all is as it should be. What each cannot see is in docs/emulator.md.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SCHEDULES = ["forward", "reverse", "random:1"]
LIBRARIES = {"thread": "libtsan.so", "address": "libasan.so", "undefined": "libubsan.so"}
OPTIONS = {
    "TSAN_OPTIONS": "halt_on_error=0 exitcode=66 report_bugs=1",
    "ASAN_OPTIONS": "detect_leaks=0 abort_on_error=0 exitcode=66",
    "UBSAN_OPTIONS": "print_stacktrace=1 halt_on_error=1 exitcode=66",
}
# case -> what the sanitizer must print, with the line's file
SEES = {
    "thread": {
        "race_shared": "data race",
        "race_read_then_write": "data race",
        "race_shuffle_is_no_barrier": "data race",
        "race_half_mask": "data race",
        "race_other_warp": "data race",
        "race_two_blocks": "data race",
        "race_bytes": "data race",
        "cp_async_no_barrier": "data race",
    },
    "address": {
        "overrun_global_read": "use-after-poison",
        "overrun_global_write": "use-after-poison",
        "underrun_global_read": "use-after-poison",
        "overrun_shared": "use-after-poison",
        "underrun_shared": "use-after-poison",
        "overrun_dynamic": "use-after-poison",
        "red_zone": "use-after-poison",
        "released_memory": "heap-use-after-free",
        "overrun_far": "SEGV",
        "null_pointer": "SEGV",
    },
    "undefined": {
        "misaligned_8": "misaligned address",
        "null_pointer": "null pointer",
        "overrun_row": "index 32 out of bounds",
        "underrun_row": "index -1 out of bounds",
        "overrun_registers": "index 4 out of bounds",
    },
}
FLAGS = (
    f"-std=c++20 -I{ROOT}/csrc -I{ROOT}/tests/emu -O1 -g1 -ffp-contract=off -fvisibility=hidden "
    "-fPIE"
).split()


def compiler() -> str:
    found = os.environ.get("CXX") or shutil.which("g++")
    if not found:
        raise SystemExit("g++ is needed, with libtsan, libasan and libubsan")
    return found


def fixed_addresses() -> list[str]:
    """ThreadSanitizer does not know where some kernels put things at random."""
    return ["setarch", "-R"] if shutil.which("setarch") else []


def run(command: list[str], **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        env={**os.environ, **OPTIONS, "PYGAN_NUM_THREADS": "1", **extra},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def reported(result: subprocess.CompletedProcess[str]) -> bool:
    return (
        result.returncode != 0 or "Sanitizer" in result.stdout or "runtime error" in result.stdout
    )


def planted(sanitizer: str, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    instrument = [f"-fsanitize={sanitizer}"]
    define = ["-DPYGAN_EMU_TSAN"] if sanitizer == "thread" else []
    objects = []
    names = ["planted.cpp", "races.cu", "overruns.cu", "meetings.cu", "clean.cu", "counts.cu"]
    for source in [*ROOT.glob("csrc/emu/*.cpp"), *(ROOT / "tests" / "emu" / n for n in names)]:
        if source.name in ("callbacks.cpp", "bounds.cpp"):  # the checker's, in place of libraries
            continue
        flags = [*FLAGS, *define]
        if source.suffix == ".cu":
            flags += [*instrument, "-DPYGAN_BACKEND=backend_emu", "-x", "c++"]
        elif sanitizer != "thread":  # which must not follow the emulator's own state
            flags += instrument
        out = folder / f"{source.stem}.o"
        subprocess.run([compiler(), *flags, "-c", str(source), "-o", str(out)], check=True)
        objects.append(str(out))
    program = folder / "planted"
    command = [compiler(), "-pie", *instrument, *objects, "-o", str(program), "-lpthread", "-ldl"]
    subprocess.run(command, check=True)
    return program


def check_planted(sanitizer: str, program: Path) -> bool:
    good = True
    clean = run([*fixed_addresses(), str(program), "--only", "clean", *SCHEDULES])
    if reported(clean):
        good = False
        print(f"{sanitizer}: reports kernels without a mistake:\n{clean.stdout}")
    for case, text in SEES[sanitizer].items():
        result = run([*fixed_addresses(), str(program), "--only", case, "forward"])
        if text not in result.stdout or ".cu" not in result.stdout:
            good = False
            print(f"{sanitizer}: does not see {case}:\n{result.stdout}")
    print(f"{sanitizer}: {len(SEES[sanitizer])} planted mistakes", "seen" if good else "FAILED")
    return good


def module(sanitizer: str) -> Path:
    """A copy of the package beside the instrumented module."""
    build = ROOT / "build" / f"sanitize-{sanitizer}"
    configure = [f"-DPYGAN_EMU_SANITIZE={sanitizer}", f"-DPython_EXECUTABLE={sys.executable}"]
    if shutil.which("ccache"):
        configure.append("-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    generator = ["-G", "Ninja"] if shutil.which("ninja") else []
    subprocess.run(
        ["cmake", "-S", str(ROOT), "-B", str(build), *generator, "-DPYGAN_CUDA=OFF", *configure],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    subprocess.run(["cmake", "--build", str(build)], check=True, stdout=subprocess.DEVNULL)
    for file in (ROOT / "pygan").rglob("*"):
        if file.is_file() and file.suffix != ".so" and "__pycache__" not in file.parts:
            to = build / "pygan" / file.relative_to(ROOT / "pygan")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, to)
    return build


EXAMPLES = """
import sys
import pygan as pg
from pygan.emu.examples import EXAMPLES, example, tensors
def run(op):
    call = example(op, [], {})
    y = getattr(pg.ops, op)(*tensors(op, call, "float32", True), **call.settings)
    first = y[0] if isinstance(y, (tuple, list)) else y
    if first.requires_grad:
        first.sum().backward()
failed = {}
for schedule in sys.argv[1:]:
    with pg.emu.schedule(schedule):
        for op in EXAMPLES:
            try:
                run(op)
            except pg.Error as error:
                failed[op] = error
for op, error in failed.items():
    print(f"{op}: {error}")
print(len(EXAMPLES), "operations")
raise SystemExit(bool(failed))
"""


def check_module(sanitizer: str, build: Path) -> bool:
    # The sanitizer's library must come first, and know the C++ library's exceptions.
    libraries = []
    for name in (LIBRARIES[sanitizer], "libstdc++.so.6"):
        command = [compiler(), f"-print-file-name={name}"]
        found = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        libraries.append(str(Path(found).resolve()))
    result = run(
        [*fixed_addresses(), sys.executable, "-c", EXAMPLES, "forward", "random:1"],
        LD_PRELOAD=" ".join(libraries),
        PYTHONPATH=str(build),
    )
    if good := not reported(result):
        print(f"{sanitizer}: nothing to report of {result.stdout.strip()}")
    else:
        print(f"{sanitizer}: FAILED\n{result.stdout[-8000:]}")
    return good


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sanitizers", nargs="*", metavar="thread|address|undefined")
    parser.add_argument("--planted-only", action="store_true", help="the standalone program alone")
    options = parser.parse_args()
    good = True
    for sanitizer in options.sanitizers or SEES:
        if sanitizer not in SEES:
            parser.error(f"'{sanitizer}' is not one of {', '.join(SEES)}")
        folder = ROOT / "build" / f"sanitize-{sanitizer}" / "planted"
        good &= check_planted(sanitizer, planted(sanitizer, folder))
        if not options.planted_only:
            good &= check_module(sanitizer, module(sanitizer))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
