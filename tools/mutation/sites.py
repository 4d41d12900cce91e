"""Where a kernel file can be broken, and the copy of it in which a number chosen at run time says
which break is made.

kind           what is changed                                     written as
barrier_block  __syncthreads or its _or, _and, _count left out     (chosen(7) ? void() : ...)
barrier_warp   __syncwarp left out                                 (chosen(7) ? void() : ...)
shared_index   one subscript of an array in shared memory, + 1     tile[(y) + chosen(7)][x]
loop_longer    a loop's bound, one further                         i < (n) + chosen(7)
loop_shorter   a loop's bound, one less                            i < (n) - chosen(8)
guard          any other comparison admits its border, or not      less(7, i, n)
warp_mask      a collective's mask names all lanes                 (chosen(7) ? ~0u : (mask))

Changes are insertions, so they nest. A comparison with a number of the data's type T is no guard.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mutation.tokens import Function, Source

__all__ = ["KINDS", "Site", "find_sites", "instrument", "shared_parameters"]

KINDS = (
    "barrier_block",
    "barrier_warp",
    "shared_index",
    "loop_longer",
    "loop_shorter",
    "guard",
    "warp_mask",
)
CHOSEN = "::pygan::emu::chosen"
_BLOCK_BARRIERS = {
    "__syncthreads",
    "__syncthreads_or",
    "__syncthreads_and",
    "__syncthreads_count",
}
_MASKED = {
    "__shfl_sync",
    "__shfl_up_sync",
    "__shfl_down_sync",
    "__shfl_xor_sync",
    "__ballot_sync",
    "__any_sync",
    "__all_sync",
    "__match_any_sync",
    "__syncwarp",
}
_FULL = {"kFullWarp", "0xffffffffu", "0xFFFFFFFFu", "0xffffffff", "0xFFFFFFFF"}
_RELATIONS = {"<": "less", "<=": "less_equal", ">": "greater", ">=": "greater_equal"}
_STEP = {"<": "+", "<=": "+", "!=": "+", ">": "-", ">=": "-"}  # towards a longer loop
# what ends an operand of a comparison
_BEFORE = {"(", "[", "{", "}", ";", ",", "&&", "||", "?", ":", "=", "==", "!=", "&", "|", "^"} | {
    f"{o}=" for o in ("+", "-", "*", "/", "%", "&", "|", "^", "<<", ">>")
}
_AFTER = {")", "]", "}", ";", ",", "&&", "||", "?", ":", "==", "!=", "&", "|", "^"}


@dataclass(frozen=True)
class Site:
    """One mutant."""

    kind: str
    file: str  # from the folder of the sources
    line: int
    function: str
    text: str  # the source line
    original: str
    mutated: str

    def __str__(self) -> str:
        change = f"{self.original} -> {self.mutated or 'left out'}"
        return f"{self.file}:{self.line} {self.kind}: {change}"


@dataclass
class _Edits:
    """Texts to insert into a source, and ranges to replace; they nest, they do not cross."""

    source: Source
    inserted: dict[int, list[str]] = field(default_factory=dict)
    replaced: dict[int, tuple[int, str]] = field(default_factory=dict)

    def before(self, token: int, text: str) -> None:
        self.inserted.setdefault(self.source.tokens[token].begin, []).insert(0, text)

    def after(self, token: int, text: str) -> None:
        self.inserted.setdefault(self.source.tokens[token].end, []).append(text)

    def replace(self, token: int, text: str) -> None:
        t = self.source.tokens[token]
        self.replaced[t.begin] = (t.end, text)

    def render(self, begin: int = 0, end: int | None = None) -> str:
        """Characters [begin, end), changed; what is inserted at both ends included."""
        text = self.source.text
        end = len(text) if end is None else end
        places = sorted({p for p in (*self.inserted, *self.replaced) if begin <= p <= end})
        out, at = [], begin
        for place in places:
            out.append(text[at:place])
            out += self.inserted.get(place, [])
            at = place
            if place in self.replaced and place < end:
                at, new = self.replaced[place]
                out.append(new)
        return "".join([*out, text[at:end]])


def shared_parameters(sources: Iterable[Source]) -> dict[str, set[int]]:
    """{function: positions of its parameters that may be given shared memory}, by the calls."""
    sources = list(sources)
    by_name: dict[str, list[tuple[Source, Function]]] = {}
    for source in sources:
        for f in source.functions:
            by_name.setdefault(f.name, []).append((source, f))
    found: dict[str, set[int]] = {}
    changed = True
    while changed:
        changed = False
        for source in sources:
            for f in source.functions:
                names = _shared_names(source, f, found)
                for name, i in _shared_arguments(source, f, names, by_name):
                    if i not in found.setdefault(name, set()):
                        found[name].add(i)
                        changed = True
    return found


def _shared_names(source: Source, f: Function, parameters: dict[str, set[int]]) -> set[str]:
    """Names in a function that stand for shared memory: declared, given, or pointers to it."""
    names = set()
    for i, (begin, end) in enumerate(f.parameters):
        if i in parameters.get(f.name, ()):
            names.add(_parameter_name(source, begin, end))
    for i in range(f.begin, f.end):
        text = source.at(i)
        if text in ("PYGAN_SHARED", "PYGAN_DYNAMIC_SHARED"):
            begin, end = source.split(i + 2, source.partner[i + 1])[1]
            names.add(source.at(begin))
        elif text == "=" and (name := _pointer_declared(source, i)):
            end = i + 1
            while source.at(end) not in (";", ",") and end < f.end:
                end = source.partner[end] + 1 if source.at(end) in "([{" else end + 1
            if _refers(source, i + 1, end, names):
                names.add(name)
    return names


def _parameter_name(source: Source, begin: int, end: int) -> str:
    for i in range(begin, end):
        if source.at(i) == "(" and source.at(i + 1) in "&*":  # T (&tile)[16][33]
            return source.at(i + 2)
    return next((source.at(i) for i in range(end - 1, begin, -1) if source.is_word(i)), "")


def _pointer_declared(source: Source, equals: int) -> str | None:
    """The name of a pointer or reference whose declaration has its = at this token."""
    i = equals - 1
    while source.at(i) == "]":
        i = source.partner[i] - 1
    if source.at(i) == ")" and source.at(i - 2) in ("&", "*"):
        return source.at(i - 1)
    if source.is_word(i):
        before = i - 1
        while source.at(before) in ("const", "__restrict__"):
            before -= 1
        if source.at(before) in ("*", "&", "auto") and not source.tokens[before].spaced:
            return source.at(i)
    return None


def _refers(source: Source, begin: int, end: int, names: set[str]) -> bool:
    """Is it the address of, or a reference to, one of these arrays?"""
    while begin < end and (source.at(begin) in ("&", "(") or source.at(begin).endswith("_cast")):
        if source.at(begin).endswith("_cast"):
            while source.at(begin) != "(":
                begin += 1
        begin += 1
    return begin < end and source.at(begin) in names


def _shared_arguments(
    source: Source, f: Function, names: set[str], functions: dict
) -> Iterable[tuple[str, int]]:
    for i in range(f.begin, f.end):
        name = source.at(i)
        if name not in functions or not source.is_word(i):
            continue
        paren = i + 1
        if source.at(paren) == "<":  # template arguments
            while source.at(paren) not in ("(", ";"):
                paren += 1
        if source.at(paren) != "(":
            continue
        arguments = source.split(paren + 1, source.partner[paren])
        for k, (begin, end) in enumerate(arguments):
            if not _refers(source, begin, end, names):
                continue
            for other, g in functions[name]:
                if k < len(g.parameters) and any(
                    other.at(j) in ("*", "&") for j in range(*g.parameters[k])
                ):
                    yield name, k
                    break


class _Finder:
    def __init__(self, source: Source, parameters: dict[str, set[int]], first: int) -> None:
        self.source, self.parameters, self.first = source, parameters, first
        self.sites: list[Site] = []
        self.edits = _Edits(source)
        self.function = ""

    def text(self, begin: int, end: int) -> str:
        """The source of tokens [begin, end) on one line, without comments."""
        tokens, out = self.source.tokens[begin:end], ""
        for k, t in enumerate(tokens):
            gap = k and self.source.text[tokens[k - 1].end : t.begin].strip(" \n") != ""
            blank = k and (t.begin > tokens[k - 1].end or gap)
            out += (" " if blank else "") + t.text
        return out

    def add(self, kind: str, token: int, original: str, mutated: str) -> int:
        s = self.source
        self.sites.append(
            Site(kind, s.path, s.line(token), self.function, s.line_text(token), original, mutated)
        )
        return self.first + len(self.sites) - 1

    def find(self) -> None:
        done = 0  # a function within another, a lambda's, is part of it
        for f in self.source.functions:
            if f.begin < done:
                continue
            done, self.function = f.end, f.name
            names = _shared_names(self.source, f, self.parameters)
            self.loops = self._loop_conditions(f)
            self.constant = self._constant_tokens(f)
            # from the inside out: what holds others comes after them
            for i in range(f.end, f.begin, -1):
                if i in self.constant:
                    continue
                text = self.source.at(i)
                if text in _MASKED and self.source.at(i + 1) == "(":
                    self.warp_mask(i)
                if text in _BLOCK_BARRIERS or text == "__syncwarp":
                    self.barrier(i)
                elif text in names and self.source.at(i - 1) not in (".", "->", "::", "&)"):
                    self.subscripts(i)
                elif (text in _RELATIONS and self.source.tokens[i].spaced) or (
                    text == "!=" and i in self.loops and self.is_counter(i)
                ):
                    self.comparison(i)

    def _loop_conditions(self, f: Function) -> set[int]:
        tokens: set[int] = set()
        for i in range(f.begin, f.end):
            if self.source.at(i) not in ("for", "while") or self.source.at(i + 1) != "(":
                continue
            begin, end = i + 2, self.source.partner[i + 1]
            if self.source.at(i) == "for":
                parts = self.source.split(begin, end, ";")
                if len(parts) < 2 or parts[1][0] >= parts[1][1]:
                    continue
                begin, end = parts[1]
                if end - begin == 1 and self.source.is_word(begin):  # for (...; step; ...)
                    self._bare(begin)
            tokens.update(range(begin, end))
        return tokens

    def _bare(self, i: int) -> None:
        name = self.source.at(i)
        k = self.add("loop_shorter", i, name, f"{name} > 1")
        self.edits.before(i, "(")
        self.edits.after(i, f" > {CHOSEN}({k}))")

    def _constant_tokens(self, f: Function) -> set[int]:
        """Where the compiler wants constants: if constexpr, constexpr variables, assertions."""
        tokens: set[int] = set()
        for i in range(f.begin, f.end):
            text = self.source.at(i)
            if text == "if" and self.source.at(i + 1) == "constexpr":
                tokens.update(range(i, self.source.partner[i + 2]))
            elif text in ("constexpr", "static_assert", "using") and self.source.at(i - 1) != "if":
                end = i
                while self.source.at(end) != ";":
                    end = self.source.partner[end] + 1 if self.source.at(end) in "([{" else end + 1
                tokens.update(range(i, end))
        return tokens

    # ---- the kinds -------------------------------------------------------------------------------

    def barrier(self, i: int) -> None:
        s = self.source
        if s.at(i + 1) != "(":
            return
        close = s.partner[i + 1]
        kind = "barrier_warp" if s.at(i) == "__syncwarp" else "barrier_block"
        argument = self.text(i + 2, close)
        votes = s.at(i) in _BLOCK_BARRIERS - {"__syncthreads"}
        mutated = f"(({argument}) != 0)" if votes else ""
        k = self.add(kind, i, self.text(i, close + 1), mutated)
        instead = "void()"
        if votes:
            changed = self.edits.render(s.tokens[i + 2].begin, s.tokens[close - 1].end)
            instead = f"int(({_one_line(changed)}) != 0)"
        self.edits.before(i, f"({CHOSEN}({k}) ? {instead} : ")
        self.edits.after(close, ")")

    def warp_mask(self, i: int) -> None:
        s = self.source
        arguments = s.split(i + 2, s.partner[i + 1])
        if not arguments:
            return
        begin, end = arguments[0]
        if end - begin == 1 and s.at(begin) in _FULL:
            return
        k = self.add("warp_mask", begin, self.text(begin, end), "0xffffffffu")
        self.edits.before(begin, f"({CHOSEN}({k}) ? 0xffffffffu : (")
        self.edits.after(end - 1, "))")

    def subscripts(self, i: int) -> None:
        s, bracket = self.source, i + 1
        while s.at(bracket) == "[":
            close = s.partner[bracket]
            index = self.text(bracket + 1, close)
            whole = self.text(i, bracket)
            k = self.add("shared_index", bracket, f"{whole}[{index}]", f"{whole}[{index} + 1]")
            self.edits.before(bracket + 1, "(")
            self.edits.after(close - 1, f") + {CHOSEN}({k})")
            bracket = close + 1

    def operands(self, i: int) -> tuple[int, int]:
        """Tokens [begin, end) of the comparison at token i."""
        s, begin, end = self.source, i, i + 1
        while s.at(begin - 1) not in _BEFORE | {"return", "else", "do"}:
            begin = s.partner[begin - 1] if s.at(begin - 1) in (")", "]") else begin - 1
            if s.at(begin) == "(" and s.at(begin - 1) in ("if", "while", "for", "switch"):
                begin = s.partner[begin] + 1  # a statement's head, not an operand
                break
        while s.at(end) not in _AFTER:
            end = s.partner[end] + 1 if s.at(end) in ("(", "[", "{") else end + 1
        return begin, end

    def is_counter(self, i: int) -> bool:
        """i != end; anything longer, as in value % step != 0, is no bound."""
        begin, _ = self.operands(i)
        return i - begin == 1

    def comparison(self, i: int) -> None:
        s = self.source
        begin, end = self.operands(i)
        left, right = self.text(begin, i), self.text(i + 1, end)
        relation = s.at(i)
        original = f"{left} {relation} {right}"
        if i in self.loops:
            step = _STEP[relation]
            back = "-" if step == "+" else "+"
            a = self.add("loop_longer", i, original, f"{original} {step} 1")
            b = self.add("loop_shorter", i, original, f"{original} {back} 1")
            self.edits.before(i + 1, "(")
            self.edits.after(end - 1, f") {step} {CHOSEN}({a}) {back} {CHOSEN}({b})")
            return
        if _is_value(s, begin, i) or _is_value(s, i + 1, end):
            return
        other = relation[0] if relation.endswith("=") else f"{relation}="
        k = self.add("guard", i, original, f"{left} {other} {right}")
        self.edits.before(begin, f"::pygan::emu::{_RELATIONS[relation]}({k}, ")
        self.edits.replace(i, ",")
        self.edits.after(end - 1, ")")


def _is_value(source: Source, begin: int, end: int) -> bool:
    """T(0), 0.5f: a number of the data, not an index."""
    if end - begin >= 3 and source.at(begin) == "T" and source.at(begin + 1) in "({":
        return True
    number = source.at(begin).removeprefix("-")
    return end - begin <= 2 and source.tokens[end - 1].kind == "number" and "." in number


def _one_line(text: str) -> str:
    lines = (line.split("//")[0] for line in text.splitlines())
    return " ".join(" ".join(lines).split())


def find_sites(source: Source, parameters: dict[str, set[int]], first: int = 1) -> list[Site]:
    """A source's mutants, numbered from ``first`` on."""
    finder = _Finder(source, parameters, first)
    finder.find()
    return finder.sites


def instrument(source: Source, parameters: dict[str, set[int]], first: int, real: str) -> str:
    """The copy with every change in it; messages name the lines of the file ``real``."""
    finder = _Finder(source, parameters, first)
    finder.find()
    return f'#include "emu/mutants.h"\n#line 1 "{real}"\n' + finder.edits.render()
