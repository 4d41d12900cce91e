"""Compile the CUDA kernels alone, without warnings, and print what each needs of a GPU.

    python tools/cuda_registers.py [--arch 80 90 ...] [--json FILE] [--folder BUILD_FOLDER]

One row a kernel: registers a thread for each architecture; then the worst of them: bytes spilled
(stores and loads), stack bytes, static shared memory of a block, and how many blocks of 256 threads
a multiprocessor's 65,536 registers hold, at most 8. Registers beyond 255 a thread go to memory: a
kernel that spills is worth a look. nvcc comes from the system, $CUDACXX or tools/get_nvcc.sh.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

_ENTRY = re.compile(r"Compiling entry function '(?P<symbol>\w+)' for 'sm_(?P<arch>\w+)'")
_STACK = re.compile(
    r"(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, "
    r"(?P<loads>\d+) bytes spill loads"
)
_USED = re.compile(r"Used (?P<registers>\d+) registers(?P<rest>.*)")
_SHARED = re.compile(r"(\d+) bytes smem")


@dataclass
class Kernel:
    """What ptxas says of one kernel for one architecture."""

    name: str
    architecture: str
    registers: int = 0
    spill_bytes: int = 0
    stack_bytes: int = 0
    shared_bytes: int = 0

    @property
    def blocks(self) -> int:
        """Blocks of 256 threads whose registers a multiprocessor holds (units of 8 a thread)."""
        each = -(-max(self.registers, 1) // 8) * 8 * 256
        return min(8, 65536 // each)


def parse(lines: Iterable[str]) -> list[Kernel]:
    """Kernels in the output of ``nvcc -Xptxas -v``, in its order; names still mangled."""
    found: list[Kernel] = []
    kernel: Kernel | None = None  # ptxas describes functions that are no kernels too
    for line in lines:
        if match := _ENTRY.search(line):
            kernel = Kernel(match["symbol"], match["arch"])
            found.append(kernel)
        elif kernel and (match := _STACK.search(line)):
            kernel.stack_bytes = int(match["stack"])
            kernel.spill_bytes = int(match["stores"]) + int(match["loads"])
        elif kernel and (match := _USED.search(line)):
            kernel.registers = int(match["registers"])
            shared = _SHARED.search(match["rest"])
            kernel.shared_bytes = int(shared[1]) if shared else 0
            kernel = None
    return found


def readable(symbols: list[str]) -> list[str]:
    """``leaky_relu: forward<float>`` for a mangled symbol, where c++filt is there."""
    if not shutil.which("c++filt") or not symbols:
        return symbols
    run = subprocess.run(
        ["c++filt"], input="\n".join(symbols), capture_output=True, text=True, check=True
    )
    names = []
    for symbol, text in zip(symbols, run.stdout.splitlines(), strict=True):
        file = re.search(r"_\d+_(\w+?)_cu_[0-9a-f]{8}", symbol)
        text = re.sub(r"^(void|static) ", "", text)
        text = re.sub(
            r"\(anonymous namespace\)::|_GLOBAL__N_\w+::|pygan::(backend_cuda::)?", "", text
        )
        depth, end = 0, len(text)
        for i, letter in enumerate(text):  # up to the parameters, past those of templates
            depth += (letter == "<") - (letter == ">")
            if letter == "(" and depth == 0:
                end = i
                break
        room = file[1].removesuffix("_cuda") if file else "?"
        names.append(f"{room}: {text[:end]}")
    return names


def table(kernels: list[Kernel]) -> str:
    """A row a kernel, in the order of their names."""
    rows: dict[str, dict[str, Kernel]] = {}
    for kernel in sorted(kernels, key=lambda k: k.name):
        rows.setdefault(kernel.name, {})[kernel.architecture] = kernel
    architectures = sorted({k.architecture for k in kernels}, key=lambda a: (len(a), a))
    width = max((len(name) for name in rows), default=6)
    columns = "".join(f"{'sm_' + a:>8}" for a in architectures)
    head = f"{'kernel':<{width}}{columns}  spills B  stack B  shared B  blocks"
    lines = [head, "-" * len(head)]
    for name, row in rows.items():
        registers = "".join(f"{row[a].registers if a in row else '':>8}" for a in architectures)
        of = list(row.values())
        spill, stack, shared = (
            max(getattr(k, what) for k in of) or "-"
            for what in ("spill_bytes", "stack_bytes", "shared_bytes")
        )
        blocks = min(k.blocks for k in of)
        lines.append(
            f"{name:<{width}}{registers}  {spill:>8}  {stack:>7}  {shared:>8}  {blocks:>6}"
        )
    return "\n".join(lines)


def compile_kernels(folder: Path, architectures: list[str]) -> list[str]:
    """Every .cu compiled with warnings as errors; the output's lines. SystemExit where it fails."""
    defines = {
        "PYGAN_CUDA": "ON",
        "PYGAN_WERROR": "ON",
        "PYGAN_PTXAS_VERBOSE": "ON",
        "CMAKE_CUDA_ARCHITECTURES": ";".join(f"{a}-real" for a in architectures),
        "Python_EXECUTABLE": sys.executable,
    }
    configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
    configure += [f"-D{name}={value}" for name, value in defines.items()]
    build = ["cmake", "--build", str(folder), "--target", "pygan_cuda"]
    lines: list[str] = []
    # What is up to date would say nothing. (--clean-first would clean the module of this checkout.)
    shutil.rmtree(folder / "CMakeFiles" / "pygan_cuda.dir", ignore_errors=True)
    for command in (configure, build):
        run = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if run.returncode:
            sys.exit(f"{run.stdout[-4000:]}\n{' '.join(command)}: failed")
        lines += run.stdout.splitlines()
    return lines


def main(arguments: list[str] | None = None) -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "registers")
    parser.add_argument("--arch", nargs="+", default=["80", "90"], metavar="N")
    parser.add_argument("--json", type=Path, help="write the table there as well")
    options = parser.parse_args(arguments)
    start = time.monotonic()
    kernels = parse(compile_kernels(options.folder, options.arch))
    if not kernels:
        sys.exit("no kernels were compiled")
    for kernel, name in zip(kernels, readable([k.name for k in kernels]), strict=True):
        kernel.name = name
    print(table(kernels))
    spilling = sorted({k.name for k in kernels if k.spill_bytes})
    count, seconds = len({k.name for k in kernels}), time.monotonic() - start
    print(
        f"{count} kernels for {' '.join(options.arch)} without warnings in {seconds:.0f} s; "
        + (f"{len(spilling)} spill: {', '.join(spilling)}" if spilling else "none spills")
    )
    if options.json:
        options.json.write_text(json.dumps([asdict(k) for k in kernels], indent=1) + "\n")


if __name__ == "__main__":
    main()
