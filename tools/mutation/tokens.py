"""As much of C++ as it takes to find the places to change in a kernel file: tokens, brackets, and
the functions that run on the device.

The files are formatted by clang-format, which tells `a < b` from `vector<int>`: binary operators
stand between blanks.
"""

from __future__ import annotations

import bisect
import re
from dataclasses import dataclass
from functools import cached_property

__all__ = ["Function", "Source", "Token"]

_LEXEMES = re.compile(
    r"""
    (?P<blank>    \s+ | //(?:[^\n\\]|\\.|\\\n)* | /\*.*?\*/ )
  | (?P<string>   (?:u8|[uUL])?R"(?P<raw>[^()\s\\]{0,16})\(.*?\)(?P=raw)"
                | (?:u8|[uUL])?"(?:[^"\\\n]|\\.)*" | (?:u8|[uUL])?'(?:[^'\\\n]|\\.)+' )
  | (?P<number>   \.?\d(?:[eEpP][+-]|'?[\w.])* )
  | (?P<word>     [A-Za-z_]\w* )
  | (?P<punct>    <<=|>>=|<=>|->\*|\.\.\.|::|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|. )
    """,
    re.VERBOSE | re.DOTALL,
)
_DIRECTIVE = re.compile(r"^[ \t]*#(?:[^\n\\]|\\.|\\\n)*", re.MULTILINE | re.DOTALL)
_CLOSING = {"(": ")", "[": "]", "{": "}"}
_MARKS = {"PYGAN_KERNEL", "PYGAN_DEVICE", "PYGAN_BITS"}
_NOT_NAMES = {"__launch_bounds__", "alignas", "decltype", "noexcept", "__attribute__"}


@dataclass(frozen=True)
class Token:
    text: str
    kind: str  # string, number, word, punct
    begin: int
    end: int
    spaced: bool  # blanks before and after


@dataclass(frozen=True)
class Function:
    """Code between the tokens ``begin`` and ``end``, its braces included."""

    name: str
    parameters: tuple[tuple[int, int], ...]  # each a range of tokens
    begin: int
    end: int


class Source:
    """A file's tokens without comments, preprocessor lines and what only nvcc compiles."""

    def __init__(self, text: str, path: str = "") -> None:
        self.text, self.path = text, path
        self.tokens: list[Token] = []
        skipped = _directives_and_dead_code(text)
        at = 0
        while at < len(text):
            if at in skipped:
                at = skipped[at]
                continue
            match = _LEXEMES.match(text, at)
            assert match, "the last alternative matches any character"
            if match.lastgroup != "blank" and not match["blank"]:
                kind = next(k for k in ("string", "number", "word", "punct") if match[k])
                around = (
                    text[at - 1 : at].isspace() and text[match.end() : match.end() + 1].isspace()
                )
                self.tokens.append(Token(match[0], kind, at, match.end(), around))
            at = match.end()
        self.partner = self._match_brackets()

    def _match_brackets(self) -> dict[int, int]:
        partner: dict[int, int] = {}
        stack: list[int] = []
        for i, token in enumerate(self.tokens):
            if token.kind != "punct":
                continue
            if token.text in _CLOSING:
                stack.append(i)
            elif token.text in _CLOSING.values():
                if not stack or _CLOSING[self.tokens[stack[-1]].text] != token.text:
                    raise ValueError(f"{self.path}:{self.line(i)}: unbalanced '{token.text}'")
                partner[i] = stack.pop()
                partner[partner[i]] = i
        if stack:
            raise ValueError(f"{self.path}:{self.line(stack[-1])}: unbalanced bracket")
        return partner

    @cached_property
    def _line_starts(self) -> list[int]:
        return [0] + [m.end() for m in re.finditer("\n", self.text)]

    def line(self, token: int) -> int:
        return bisect.bisect_right(self._line_starts, self.tokens[token].begin)

    def line_text(self, token: int) -> str:
        return self.text.splitlines()[self.line(token) - 1].strip()

    def at(self, i: int) -> str:
        """The text of token i, "" beyond the ends."""
        return self.tokens[i].text if 0 <= i < len(self.tokens) else ""

    def is_word(self, i: int) -> bool:
        return 0 <= i < len(self.tokens) and self.tokens[i].kind == "word"

    def split(self, begin: int, end: int, separator: str = ",") -> list[tuple[int, int]]:
        """Tokens [begin, end) at the separators outside brackets and template arguments."""
        parts, start, i, angles = [], begin, begin, 0
        while i < end:
            text = self.at(i)
            if i in self.partner and text in _CLOSING:
                i = self.partner[i]
            elif text in ("<", ">", ">>") and not self.tokens[i].spaced:
                angles = max(0, angles + {"<": 1, ">": -1, ">>": -2}[text])
            elif text == separator and angles == 0:
                parts.append((start, i))
                start = i + 1
            i += 1
        if end > start:
            parts.append((start, end))
        return parts

    @cached_property
    def functions(self) -> list[Function]:
        """Those marked PYGAN_KERNEL, PYGAN_DEVICE or PYGAN_BITS that have a body. A constexpr one
        may run in the compiler, which a change chosen at run time does not reach: left out."""
        found = []
        for i, token in enumerate(self.tokens):
            if token.text in _MARKS and (function := self._function(i)):
                found.append(function)
        return found

    def _function(self, mark: int) -> Function | None:
        i = mark + 1
        while self.at(i) not in ("", ";", "{", "}", "constexpr"):
            if self.at(i) == "(":
                if self.at(i - 1) == "operator":  # operator()(...)
                    i += 2
                    break
                if self.at(i - 1) not in _NOT_NAMES:
                    break
                i = self.partner[i]
            i += 1
        if self.at(i) != "(":
            return None
        name = self.at(i - 1) if self.is_word(i - 1) else "operator()"
        parameters = self.split(i + 1, self.partner[i])
        i = self.partner[i] + 1
        initializers = False
        while self.at(i) not in ("", ";"):
            text = self.at(i)
            if text == ":":
                initializers = True
            if text == "{" and not (initializers and self.is_word(i - 1)):  # member{value} is none
                return Function(name, tuple(parameters), i, self.partner[i])
            i = self.partner[i] + 1 if text in ("(", "{") else i + 1
        return None


def _directives_and_dead_code(text: str) -> dict[int, int]:
    """{begin: end} of preprocessor lines, joined with what only nvcc compiles."""
    skipped: dict[int, int] = {}
    alive: list[bool] = []  # one a nested #if
    alive_else: list[bool] = []
    dead_since = None
    for match in _DIRECTIVE.finditer(text):
        begin = match.start() + match[0].index("#")
        words = match[0].replace("#", " ").replace("!", " ! ").split()
        word, condition = words[0] if words else "", " ".join(words[1:])
        was_alive = all(alive)
        if word in ("if", "ifdef", "ifndef"):
            nvcc = "__CUDACC__" in condition or "__CUDA_ARCH__" in condition
            inverted = word == "ifndef" or condition.startswith("! ")
            alive.append(not nvcc or inverted)
            alive_else.append(not nvcc or not inverted)
        elif word in ("else", "elif"):
            alive[-1] = alive_else[-1]
        elif word == "endif":
            alive.pop()
            alive_else.pop()
        if was_alive and not all(alive):
            dead_since = begin
        elif not was_alive and all(alive):
            skipped[dead_since] = match.end()
            dead_since = None
            continue
        if dead_since is None:
            skipped[begin] = match.end()
    return skipped
