"""Hypothesis strategies: random grammars of custom tools, each with a judge of its own.

Knows nothing of the decoder. One tree is told in three ways: as a regular expression, as Lark rules,
and as a pattern of Python's, which judges what was written.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

from hypothesis import strategies as st

Case = tuple[str, str, Callable[[str], object]]
"""Syntax, definition, and what holds of a text that matches."""

_LITERALS = ["a", "GET", "ä", "}", '"', "/", "::", "\n", "\\", ".", "yes", "-", "start"]
_CLASSES = ["[a-c]", "[0-9]", "[äö{}]", "[^a\\n]", "\\d", "[A-Z_]", "[/\\]]"]
_SPECIAL = re.compile(r"([.*+?^${}()|\[\]\\/])")


@dataclass(frozen=True)
class Tree:
    """`regex` in both dialects, and `lark` as an expression of a rule."""

    regex: str
    lark: str


def literal(text: str) -> Tree:
    return Tree(_SPECIAL.sub(r"\\\1", text).replace("\n", "\\n"), json.dumps(text, ensure_ascii=False))


def one_of(kind: str) -> Tree:
    return Tree(kind, f"/{kind.replace('/', chr(92) + '/')}/")


def row(parts: list[Tree]) -> Tree:
    return Tree("".join(part.regex for part in parts), "(" + " ".join(part.lark for part in parts) + ")")


def choice(parts: list[Tree]) -> Tree:
    return Tree(f"({'|'.join(part.regex for part in parts)})", f"({' | '.join(part.lark for part in parts)})")


def repeated(part: Tree, bounds: tuple[int, int]) -> Tree:
    low, high = bounds
    return Tree(f"(?:{part.regex}){{{low},{high}}}", f"({part.lark}){{{low},{high}}}")


def optional(part: Tree) -> Tree:
    return Tree(f"(?:{part.regex})?", f"({part.lark})?")


def _larger(inner: st.SearchStrategy[Tree]) -> st.SearchStrategy[Tree]:
    several = st.lists(inner, min_size=2, max_size=3)
    bounds = st.tuples(st.integers(0, 2), st.integers(2, 3))
    return st.one_of(several.map(row), several.map(choice), st.builds(repeated, inner, bounds), inner.map(optional))


_leaves = st.one_of(st.sampled_from(_LITERALS).map(literal), st.sampled_from(_CLASSES).map(one_of))
trees = st.recursive(_leaves, _larger, max_leaves=5)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A grammar that says something: with what has to be said before it, so that it is never empty."""
    tree = draw(trees)
    first = literal(draw(st.sampled_from(["x", "no ", "#"])))
    whole = row([first, tree])
    judge = re.compile(whole.regex).fullmatch
    if draw(st.booleans()):
        return "regex", draw(st.sampled_from(["{}", "^{}$", "^{}"])).replace("{}", whole.regex), judge
    rules = f"start: {first.lark} rest\nrest: {tree.lark}"
    return "lark", rules, judge


KNOWN: list[Case] = [
    ("regex", "[0-9]{3}-[0-9]{4}", re.compile(r"[0-9]{3}-[0-9]{4}").fullmatch),
    ("regex", "^(yes|no|maybe)$", re.compile("yes|no|maybe").fullmatch),
    ("regex", r"\d{4}/\d{2}/\d{2}", re.compile(r"\d{4}/\d{2}/\d{2}").fullmatch),
    ("regex", r'"[a-z]{1,8}"|\{[0-9]+\}', re.compile(r'"[a-z]{1,8}"|\{[0-9]+\}').fullmatch),
    ("regex", "(?i)[a-f]{6}", re.compile("(?i)[a-f]{6}").fullmatch),
    ("regex", "#[0-9A-F]{6}|rgb\\([0-9]{1,3}(, [0-9]{1,3}){2}\\)", re.compile("#[0-9A-F]{6}|rgb.*").fullmatch),
    ("lark", 'start: "GET" | "POST"', re.compile("GET|POST").fullmatch),
    (
        "lark",
        'start: sum\nsum: INT ("+" INT){1,3}\nINT: /[0-9]{1,3}/',
        re.compile(r"\d{1,3}(\+\d{1,3}){1,3}").fullmatch,
    ),
    (
        "lark",
        'start: "SELECT" column ("," column){0,2} "FROM" "users" ";"\ncolumn: /[a-z]{1,6}/\n%ignore / /',
        re.compile(r"SELECT *[a-z]{1,6}( *, *[a-z]{1,6}){0,2} *FROM *users *; *").fullmatch,
    ),
    ("lark", 'start: pair{2}\npair: "(" pair? ")"', lambda text: text.count("(") == text.count(")")),
    ("lark", '%import common.INT\nstart: INT "%"', re.compile("[0-9]+%").fullmatch),
    ("lark", 'start: %json {"type": "object", "properties": {"a": {"type": "boolean"}}}', json.loads),
    ("lark", 'start: line{1,3}\nline: /[a-z]{1,5}/ "\\n"', re.compile("([a-z]{1,5}\n){1,3}").fullmatch),
    ("lark", 'start: "ä" "}" TEXT\nTEXT: /[ö{]{2}/', re.compile("ä}[ö{]{2}").fullmatch),
    ("lark", "start: calls\ncalls: call reply\ncall: /a/\nreply: /b|c/", re.compile("a[bc]").fullmatch),
]
"""Grammars with what the generator does not draw: flags, imports, JSON inside, recursion, tokens to be ignored."""
