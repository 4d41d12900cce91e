"""What can be typed, and the help that teaches it."""

from __future__ import annotations

import argparse
from typing import NoReturn

from pygan.errors import ConfigError

__all__ = ["parser"]

_MAIN = """\
pygan trains generative adversarial networks: two networks, one that makes images and one
that tells them from real ones, learn from playing against each other.

examples:
  pygan train                        train on the embedded images of clothes: two to three
                                     minutes on two cores, pictures and a report in runs/default-1
  pygan train --list                 what else there is to train
  pygan train --data photos/         your own images, any size and format
  pygan sample runs/default-1 -n 64  pictures from a trained generator
  pygan compare default-1 wgan-gp-1  two runs side by side on one page
  pygan doctor                       what this installation and this machine can do
"""

_TRAIN = """\
Train a recipe. A recipe is a TOML file with every setting: networks, game, data, optimizers,
steps. Without one the recipe "default" is trained: a DCGAN on embedded images of clothes, one
to three minutes on two cores.
"""

_TRAIN_MORE = """\
examples:
  pygan train                                  the default recipe
  pygan train wgan-gp --steps 500              another game, for a shorter time
  pygan train --data photos/ --set data.image_size=64
  pygan train --set generator.width=64 --set game.g_optimizer.lr=1e-4
  pygan train --set game=hinge --set generator.norm=virtual --set discriminator.norm=spectral
  pygan train ring --set 'game.extra_penalties=[{kind="r2", weight=1}]'
  pygan train my.toml                          a file of your own (start from a run's config.toml)
  pygan train --resume runs/default-1          go on where a run stopped, to the bit
  pygan train --resume runs/default-1 --steps 5000

what appears in runs/<recipe>-<number>/ (never an existing directory):
  config.toml        every setting of this run
  metrics.jsonl      a line every few steps: losses, images a second; at some steps the score:
                     fd and swd are distances of generated from real images (less is better),
                     precision, recall and class_histogram come from the same classifier as fd,
                     and *_real is what real images score; on points (recipes ring, grid) modes
                     found and the share of high-quality samples
  samples/           pictures of what the generator makes; real.png beside them
  checkpoints/       the last two states of training, for --resume and `pygan sample`
  report.html        all of this on one page; open it in a browser

Ctrl-C finishes the step, saves and stops; once more stops at once. The same seed gives the same
weights, to the bit, also after an interruption.

exit codes: 2 wrong setting, 3 data, 4 checkpoint or disk, 5 device or memory, 6 training made NaN,
7 the generator collapsed, 130 and 143 stopped by SIGINT and SIGTERM
"""

_SAMPLE = """\
Write a PNG with samples of the averaged generator of a run: images in a grid, points in the
plane; or, where the output's name ends in .npy, the samples themselves.
"""

_SAMPLE_MORE = """\
examples:
  pygan sample runs/default-1                  64 pictures in one grid
  pygan sample default-1 -n 100 --seed 7 -o grid.png
  pygan sample ring-1 -n 5000 -o points.npy    the samples themselves, as a NumPy array
  pygan sample runs/default-1/checkpoints/step-001000.safetensors
"""


class _Parser(argparse.ArgumentParser):
    """Reports mistakes like every other error of pygan: one line, exit code 2."""

    def error(self, message: str) -> NoReturn:
        raise ConfigError(f"{message}; see {self.prog} --help")


class _Version(argparse.Action):
    """Prints the version, which is looked up only then."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> NoReturn:
        from pygan._version import __version__

        print(f"pygan {__version__}")
        parser.exit()


def parser() -> argparse.ArgumentParser:
    """The parser of the whole command line; ``run`` of its result is the command's function."""
    top = _Parser(
        prog="pygan",
        description=_MAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action=_Version, nargs=0, help="print the version")
    commands = top.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_train(commands)
    _add_sample(commands)
    _add_compare(commands)
    doctor = commands.add_parser(
        "doctor",
        help="what this installation and this machine can do",
        description="Print what was built, the instruction set chosen, threads, CUDA, versions.",
    )
    doctor.set_defaults(run=_doctor)
    return top


def _add_train(commands: argparse._SubParsersAction[_Parser]) -> None:
    train = commands.add_parser(
        "train",
        help="train a GAN",
        description=_TRAIN,
        epilog=_TRAIN_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    train.add_argument("recipe", nargs="?", help="name or TOML file (default: default)")
    train.add_argument("--list", action="store_true", help="list the recipes and stop")
    train.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="settings",
        help="change a setting of the recipe; may be given several times",
    )
    train.add_argument(
        "--data",
        metavar="PATH",
        help="images: a folder, ZIP, IDX, CIFAR, NPZ or Parquet file (default: embedded ones)",
    )
    train.add_argument(
        "--features",
        metavar="FILE",
        help="safetensors file of a feature network for fd, precision and recall "
        "(see pygan.metrics.features)",
    )
    train.add_argument(
        "--no-record",
        action="store_true",
        help="run every update through Python: for debuggers and prints; the same bits, slower",
    )
    train.add_argument("--device", help="cpu, cuda or emu (default: cpu)")
    train.add_argument("--steps", metavar="N", help="number of steps; same as --set steps=N")
    train.add_argument("--seed", metavar="N", help="decides every random number (default: 0)")
    train.add_argument("--resume", metavar="RUN", help="go on with a run, or from a checkpoint")
    train.add_argument("--out", metavar="DIR", help="where runs are made (default: runs)")
    train.add_argument("--name", metavar="NAME", help="name of the run's directory")
    train.set_defaults(run=_train)


def _add_sample(commands: argparse._SubParsersAction[_Parser]) -> None:
    sample = commands.add_parser(
        "sample",
        help="make pictures with a trained generator",
        description=_SAMPLE,
        epilog=_SAMPLE_MORE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sample.add_argument("checkpoint", metavar="RUN", help="run directory, its name, or checkpoint")
    sample.add_argument("-n", type=_count, default=64, metavar="N", help="samples (default: 64)")
    sample.add_argument("--seed", type=_seed, default=0, metavar="S", help="which (default: 0)")
    sample.add_argument(
        "-o", "--output", metavar="FILE", help="default: RUN-STEP-seedS-N.png in this directory"
    )
    sample.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    sample.set_defaults(run=_sample)


def _add_compare(commands: argparse._SubParsersAction[_Parser]) -> None:
    compare = commands.add_parser(
        "compare",
        help="put runs side by side on one page",
        description="Write one HTML file with the curves, scores, settings and pictures of runs.",
    )
    compare.add_argument("runs", nargs="+", metavar="RUN", help="run directories or their names")
    compare.add_argument(
        "-o", "--output", metavar="FILE", help="default: compare-RUN-RUN.html in this directory"
    )
    compare.add_argument("--force", action="store_true", help="overwrite FILE if it exists")
    compare.set_defaults(run=_compare)


def _count(text: str) -> int:
    number = _whole(text)
    if not 1 <= number <= 100_000:
        raise argparse.ArgumentTypeError(f"must be from 1 to 100000, not {text}")
    return number


def _seed(text: str) -> int:
    number = _whole(text)
    if not 0 <= number < 2**63:
        raise argparse.ArgumentTypeError(f"must be from 0 to 2^63 - 1, not {text}")
    return number


def _whole(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a whole number, not {text!r}") from None


# Commands are imported when they run, so that help and mistakes are quick.


def _train(arguments: argparse.Namespace) -> int:
    from pygan.cli import train

    return train.run(arguments)


def _sample(arguments: argparse.Namespace) -> int:
    from pygan.cli import sample

    return sample.run(arguments)


def _compare(arguments: argparse.Namespace) -> int:
    from pygan.cli import compare

    return compare.run(arguments)


def _doctor(arguments: argparse.Namespace) -> int:
    from pygan.cli import doctor

    return doctor.run()
