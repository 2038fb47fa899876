"""What is added to a client's own file stands there afterwards, and so does all that stood there before."""

import json
import tomllib
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from antiphon.commands.merging import Plain, Tree, Unmergeable, as_json, deep, toml, yaml_list

WANTED: Tree = {
    "model": "m",
    "model_provider": "antiphon",
    "providers.antiphon": {"url": "http://a/v1", "sockets": True},
}
NESTED = {
    "model": "m",
    "model_provider": "antiphon",
    "providers": {"antiphon": {"url": "http://a/v1", "sockets": True}},
}

CODEX = """\
# mine
model = "other"  # the good one
approval = "never"

[providers.else]
url = "http://b/v1"

[providers.antiphon] # old
url = "http://old/v1"
retries = 3 # mine too

[projects."/home/me"]
trust = "yes"
"""

NAMES = st.sampled_from(["model", "model_provider", "url", "other", "a"])
VALUES = st.one_of(
    st.text(st.characters(codec="utf-8", exclude_categories=["C"])), st.integers(0, 2**60), st.booleans()
)
TABLES = st.dictionaries(
    st.sampled_from(["providers.antiphon", "providers.else", "x", "y.z"]), st.dictionaries(NAMES, VALUES), max_size=4
)


def written(top: dict[str, Plain], tables: dict[str, dict[str, Plain]]) -> str:
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in top.items()]
    for name, keys in tables.items():
        rows = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in keys.items())
        lines += ["# a comment", f"[{name}]", *rows, ""]
    return "\n".join(lines)


@given(st.dictionaries(NAMES, VALUES), TABLES)
def test_toml_has_both(top: dict[str, Plain], tables: dict[str, dict[str, Plain]]) -> None:
    text = written(top, tables)
    merged = toml(text, WANTED)
    assert tomllib.loads(merged) == deep(tomllib.loads(text), NESTED)
    assert merged.count("# a comment") == len(tables)
    assert toml(merged, WANTED) == merged


def test_toml_keeps_every_line_that_is_not_changed() -> None:
    assert toml(CODEX, WANTED) == CODEX.replace('"other"  # the good one', '"m"').replace(
        "http://old", "http://a"
    ).replace('approval = "never"\n', 'approval = "never"\nmodel_provider = "antiphon"\n').replace(
        "# mine too\n", "# mine too\nsockets = true\n"
    )


def test_toml_from_nothing() -> None:
    assert toml("", WANTED) == (
        'model = "m"\nmodel_provider = "antiphon"\n\n[providers.antiphon]\nurl = "http://a/v1"\nsockets = true\n'
    )


def test_toml_is_read_line_by_line_as_toml_has_lines() -> None:
    text = '# a\u2028model = "mine"\nother = "x"\n'
    assert toml(text, {"model": "m"}) == f'{text}model = "m"\n'


@pytest.mark.parametrize(
    "text",
    [
        "model = ",
        "providers = { antiphon = { url = 'x' } }",
        "providers.antiphon.url = 'x'",
        'text = """\nmodel = "mine"\n"""',
        "many = [\n[1],\n]\n",
    ],
)
def test_toml_that_cannot_be_changed_line_by_line_is_refused(text: str) -> None:
    with pytest.raises(Unmergeable):
        toml(text, WANTED)


def test_json_has_both() -> None:
    text = '{"theme": "dark", "provider": {"else": {"a": 1}, "antiphon": {"old": true, "url": 1}}, "model": "x"}'
    assert json.loads(as_json(text, {"model": "m", "provider": {"antiphon": {"url": "u"}}})) == {
        "theme": "dark",
        "provider": {"else": {"a": 1}, "antiphon": {"old": True, "url": "u"}},
        "model": "m",
    }
    assert as_json("", {"a": "ü"}) == '{\n  "a": "ü"\n}\n'


@pytest.mark.parametrize("text", ["// mine\n{}", "[1]", '{"a": 1,}'])
def test_json_with_comments_or_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(Unmergeable):
        as_json(text, {"a": 1})


ENTRY: dict[str, Plain] = {"model_id": "antiphon/m", "model_name": "m: #1", "responses": True}
OTHER = "- model_id: other\n  aliases: [a, b] # mine\n"


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("", []),
        ("# mine\n", []),
        (OTHER.rstrip(), [{"model_id": "other", "aliases": ["a", "b"]}]),
    ],
)
def test_yaml_has_both(text: str, before: list[Any]) -> None:
    merged = yaml_list(text, ENTRY)
    assert yaml.safe_load(merged) == [*before, ENTRY]
    assert merged.startswith(text)
    assert yaml_list(merged, ENTRY) == merged


def test_yaml_replaces_the_entry_of_the_same_id_wherever_that_stands() -> None:
    for old in ("- model_id: antiphon/m # old\n  vision: true\n", "- vision: true\n  model_id: 'antiphon/m'\n"):
        merged = yaml_list(old + OTHER, ENTRY)
        assert merged.endswith(OTHER)
        assert [one["model_id"] for one in yaml.safe_load(merged)] == ["antiphon/m", "other"]
        assert "vision" not in merged


@pytest.mark.parametrize("text", ["a: 1\n", "[{model_id: a}]\n", "  - model_id: a\n"])
def test_yaml_of_another_kind_is_refused(text: str) -> None:
    with pytest.raises(Unmergeable):
        yaml_list(text, ENTRY)
