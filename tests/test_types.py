"""The committed type stubs name what the compiled module has, argument by argument."""

import ast
import re
from pathlib import Path

import pytest

import pygan as pg

PACKAGE = Path(pg.__file__).parent


def stub(path: Path) -> dict[str, list[str]]:
    """Function name -> argument names."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {
        node.name: [a.arg for a in node.args.args]
        for node in tree.body
        if isinstance(node, ast.FunctionDef)
    }


def native(module: object) -> dict[str, list[str]]:
    """The same, from the signatures that pybind11 writes into docstrings."""
    found = {}
    for name, f in vars(module).items():
        signature = re.match(rf"{name}\((.*)\) ->", getattr(f, "__doc__", None) or "")
        if signature and not name.startswith("__"):
            found[name] = re.findall(r"(?:^|, )(\w+):", signature[1])
    return found


@pytest.mark.parametrize(
    ("module", "path"),
    [(pg._core.ops, "ops/__init__.pyi"), (pg._core, "_core.pyi")],
    ids=["ops", "core"],
)
def test_stub_matches_the_compiled_module(module: object, path: str) -> None:
    expected, real = stub(PACKAGE / path), native(module)
    assert expected.keys() == real.keys()
    for name, arguments in expected.items():
        unnamed = all(a.startswith("arg") for a in real[name])
        assert unnamed or arguments == real[name], name


def test_stub_of_tensor_names_its_methods() -> None:
    tree = ast.parse((PACKAGE / "_core.pyi").read_text(encoding="utf-8"))
    cls = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "Tensor")
    named = {n.name for n in cls.body if isinstance(n, ast.FunctionDef)}
    named |= {n.target.id for n in cls.body if isinstance(n, ast.AnnAssign)}
    real = {n for n in vars(pg.Tensor) if not n.startswith("_")}
    assert real == {n for n in named if not n.startswith("_")}
