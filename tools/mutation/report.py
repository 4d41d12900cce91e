"""What became of the mutants."""

from __future__ import annotations

import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from mutation.sites import KINDS, Site

__all__ = ["Outcome", "explain", "problems", "summary", "table"]

EXPLAINED = Path(__file__).parent / "explained.toml"
WANTED = 0.95  # of all mutants; of barriers all


@dataclass
class Outcome:
    site: Site
    how: str  # "survived", "never run", or what noticed it
    message: str
    explanation: str = ""

    @property
    def caught(self) -> bool:
        return self.how not in ("survived", "never run")


def explain(outcomes: list[Outcome], whole: bool = True, path: Path = EXPLAINED) -> list[str]:
    """Gives survivors their explanations; the entries that explain nothing (any more).

    [[mutant]]
    file, text (the source line), mutated (the changed expression), why
    """
    entries = tomllib.loads(path.read_text()).get("mutant", []) if path.exists() else []
    stale = []
    for e in entries:
        of = [
            o
            for o in outcomes
            if (o.site.file, o.site.text, o.site.mutated) == (e["file"], e["text"], e["mutated"])
        ]
        for o in of:
            if not o.caught:
                o.explanation = e["why"]
        where = f"{path.name}: {e['file']}: {e['mutated']}"
        if not of and whole:
            stale.append(f"{where}: there is no such mutant any more")
        elif of and all(o.caught for o in of):
            stale.append(f"{where}: is caught now")
    return stale


def summary(outcomes: list[Outcome]) -> dict:
    by_kind = {}
    for kind in KINDS:
        of = [o for o in outcomes if o.site.kind == kind]
        by_kind[kind] = {"caught": sum(o.caught for o in of), "total": len(of)}
    return {
        "total": len(outcomes),
        "caught": sum(o.caught for o in outcomes),
        "by_kind": by_kind,
        "caught_by": dict(Counter(o.how for o in outcomes if o.caught).most_common()),
        "survivors": [
            {
                "file": o.site.file,
                "line": o.site.line,
                "kind": o.site.kind,
                "function": o.site.function,
                "text": o.site.text,
                "original": o.site.original,
                "mutated": o.site.mutated,
                "how": o.how,
                "explanation": o.explanation,
            }
            for o in outcomes
            if not o.caught
        ],
    }


def table(outcomes: list[Outcome]) -> str:
    figures = summary(outcomes)
    rows = [*figures["by_kind"].items(), ("all", figures)]
    lines = [f"{'kind':<16}{'caught':>8}{'of':>8}"]
    lines += [f"{kind:<16}{row['caught']:>8}{row['total']:>8}" for kind, row in rows]
    noticed = ", ".join(f"{how} {n}" for how, n in figures["caught_by"].items())
    return "\n".join([*lines, f"noticed by: {noticed}"])


def problems(outcomes: list[Outcome], stale: list[str]) -> list[str]:
    found = list(stale)
    for o in outcomes:
        if o.caught:
            continue
        if o.site.kind.startswith("barrier"):
            found.append(f"{o.site}: a barrier that nothing misses: test it or remove it")
        elif not o.explanation:
            found.append(f"{o.site}: {o.how}, and not explained")
    caught = sum(o.caught for o in outcomes)
    if caught < WANTED * len(outcomes):
        found.append(f"{caught} of {len(outcomes)} mutants are caught, {WANTED:.0%} are wanted")
    return found
