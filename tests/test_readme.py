"""What the README shows runs as it stands, but for the number of steps."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"


def test_python_blocks_run() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.S)
    assert len(blocks) == 3
    code = "\n".join(blocks)
    assert "fit(steps=1000)" in code
    names: dict[str, object] = {}
    exec(code.replace("fit(steps=1000)", "fit(steps=2)"), names)
    assert names["p"].item() > 0
    assert names["ddx"].shape == (2, 2)


def test_first_block_is_the_two_commands() -> None:
    block = README.read_text(encoding="utf-8").split("```")[1]
    lines = [line.split("#")[0].strip() for line in block.splitlines() if line.strip()]
    assert lines == ["pip install . && pygan train", "pip install '.[test]' && pytest"]


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", README.read_text(encoding="utf-8")))
def test_links_lead_somewhere(link: str) -> None:
    assert (README.parent / link.split("#")[0]).exists()
