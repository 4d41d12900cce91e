"""``python -m pygan.emu.report OP``: what an operation's kernels do, by line of source.

Runs one small call on device ``emu`` under the checker and prints, for each kernel: launches, then
for each line accesses, 32-byte sectors of global memory and bank conflicts of shared memory, and
barriers. ``--backward`` adds the kernels of its derivative. For a script of one's own:
``with pg.emu.check() as report: ...`` and ``report.table()``.
"""

from __future__ import annotations

import argparse
import ast
import sys
from typing import Any

import pygan as pg
from pygan import emu
from pygan.emu.examples import EXAMPLES, example, tensors
from pygan.errors import ConfigError, Error


def measure(
    op: str,
    shapes: list[tuple[int, ...]] | None = None,
    settings: dict[str, Any] | None = None,
    dtype: str = "float32",
    backward: bool = False,
) -> emu.Report:
    """The report of one call of ``pygan.ops.<op>``; of its derivative too with ``backward``."""
    call = example(op, shapes or [], settings or {})
    inputs = tensors(op, call, dtype, backward)
    with emu.check() as report:
        y = getattr(pg.ops, op)(*inputs, **call.settings)
        if backward:
            first = y[0] if isinstance(y, tuple | list) else y
            if not (isinstance(first, pg.Tensor) and first.requires_grad):
                raise ConfigError(f"{op} has no derivative")
            flat = [x for i in inputs for x in (i if isinstance(i, list) else [i])]
            cotangent = pg.ones(first.shape, dtype, first.device)
            pg.grad([first], [x for x in flat if x.requires_grad], [cotangent])
    return report


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(n) for n in text.split(","))
    except ValueError:
        shape = (-1,)
    if min(shape) < 0:
        raise argparse.ArgumentTypeError(f"'{text}' is no shape: write 4,16,16,8")
    return shape


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"'{text}': write NAME=VALUE, as stride=2")
    try:
        return name, ast.literal_eval(value)
    except (ValueError, SyntaxError):
        return name, value


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m pygan.emu.report",
        description="What the kernels of an operation do, by line of source, on device emu.",
    )
    parser.add_argument("op", nargs="?", help="a function of pygan.ops, as conv2d")
    parser.add_argument("--list", action="store_true", help="name the operations")
    parser.add_argument(
        "--shape",
        type=_shape,
        action="append",
        default=[],
        metavar="N,N,...",
        help="of each input in turn, instead of the built-in example's",
    )
    parser.add_argument(
        "--set",
        type=_setting,
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument by keyword, as stride=2",
    )
    parser.add_argument("--dtype", choices=("float32", "float64"), default="float32")
    parser.add_argument("--backward", action="store_true", help="with its derivative")
    parser.add_argument("--schedule", default="forward", help="forward, reverse or random:SEED")
    options = parser.parse_args(arguments)
    if options.list or not options.op:
        print(" ".join(sorted(EXAMPLES)))
        return 0 if options.list else 2
    try:
        with emu.schedule(options.schedule):
            report = measure(
                options.op, options.shape, dict(options.set), options.dtype, options.backward
            )
    except (Error, TypeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 2 if isinstance(error, ConfigError | TypeError) else 1
    print(report.table())
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
