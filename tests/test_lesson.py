"""The lesson runs as it stands, but for the number of training steps, and prints what it shows."""

import re
import runpy
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parent.parent
LESSON = runpy.run_path(str(ROOT / "tools" / "lesson.py"))
TEXT = (ROOT / "docs" / "lesson.md").read_text(encoding="utf-8")


def test_lesson_prints_what_it_shows(tmp_path: Path) -> None:
    page, differences = LESSON["run"](TEXT, quick=tmp_path)
    assert not differences, "\n".join(differences) + "\npython tools/lesson.py --write renews them"
    assert page == TEXT
    pictures = sorted(p.name for p in tmp_path.iterdir())
    assert pictures == ["lesson-trained.png", "lesson-untrained.png"]
    for name in pictures:
        shown = ROOT / "docs" / "images" / name
        assert shown.stat().st_size < 100_000
        with Image.open(shown) as theirs, Image.open(tmp_path / name) as ours:
            assert theirs.size == ours.size


def test_a_changed_output_is_noticed(tmp_path: Path) -> None:
    text = "```python\nprint(1 + 1)\n```\n\n```text\n3\n```\n"
    page, differences = LESSON["run"](text, quick=tmp_path)
    assert page == text.replace("3", "2")
    assert differences == ["line 1: expected\n3\nbut it printed\n2\n"]


def test_every_output_is_checked() -> None:
    assert len(re.findall(r"^```text", TEXT, re.M)) == len(
        [b for b in LESSON["BLOCK"].finditer(TEXT) if b[3]]
    )


@pytest.mark.parametrize("link", re.findall(r"\]\(([^)]+)\)", TEXT))
def test_links_lead_somewhere(link: str) -> None:
    assert (ROOT / "docs" / link.split("#")[0]).exists()
