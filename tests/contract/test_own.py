"""Own contracts: the example works, and what is wrong in one is told with its file and key."""

import re
from pathlib import Path

import pytest

from antiphon.contract.contract import load, names
from antiphon.contract.law import LawError
from antiphon.contract.own import read_file, wrong, wrong_schemas
from antiphon.core.problems import Problem
from antiphon.core.response import respond
from tests.contract.asking import body, told

EXAMPLE = Path(__file__).parents[2] / "examples" / "contract.toml"
GUIDE = Path(__file__).parents[2] / "docs" / "contracts.md"


def test_the_example_is_the_one_of_the_guide() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
    assert shown.strip() in EXAMPLE.read_text()


def test_the_example_does_what_it_says() -> None:
    contract = read_file(EXAMPLE)
    assert (contract.name, contract.base) == ("acme", "/acme/v1")
    request = contract.read(body(max_tokens=5, reasoning={}))
    assert (request.max_output_tokens, request.temperature, request.store) == (5, 0.2, False)
    assert contract.read(body(max_output_tokens=5)).ignored == ["max_output_tokens"]
    with pytest.raises(Problem) as found:
        contract.read(b'{"model": "m"}')
    assert (found.value.code, found.value.message) == ("field_missing", "'input' is missing.")
    with pytest.raises(Problem, match="2048"):
        contract.read(body(max_tokens=4096))
    answer = told(contract, respond(request, id="resp_1", created_at=1))
    assert (answer["store"], answer["temperature"]) == (False, 0.2)
    assert contract.error(Problem(500, "server_error", "No.")).body.startswith(b'{"error"')


@pytest.mark.parametrize("name", names())
def test_nothing_is_wrong_with_those_that_are_shipped(name: str) -> None:
    contract = load(name)
    assert [*wrong(contract.law), *wrong_schemas(contract)] == []


SOUND = 'like = "openai"\nname = "acme"\nbase = "/acme/v1"\n'


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("like = 'nobody'", "like: there is no contract 'nobody'; there are: gateway, infercom"),
        ("name = 'acme'\nbase = '/a'", "object missing required field `schemas`"),
        ("name = 5", "name: expected `str`, got `int`"),
        (SOUND.replace('"acme"', '"Acme!"'), "name: 'Acme!' is no name"),
        (SOUND.replace('"/acme/v1"', '"acme/"'), "base: 'acme/' is no path"),
        (SOUND + "features = ['flight']", "features[0]: invalid enum value 'flight'"),
        (SOUND + "schemas = ['nowhere.json']", "schemas: nowhere.json: there is no schema of that name"),
        (SOUND + "[codecs]\nerror = 'shout'", "codecs.error: there is no codec 'shout'; there are: detail, envelope"),
        (SOUND + "[codecs]\nerror = 'envelope'\nitems = ['x']", "codecs.items: there is no codec 'x'"),
        (SOUND + "[[moves]]\nfrom = 'a'\nto = 'b.c'", "moves[0].to: a request has no field 'b'"),
        (SOUND + "[forced]\nflight = true", "forced.flight: a request has no such field"),
        (SOUND + "[forced]\nstore = 'no'", "forced.store: Expected `bool`, got `str`"),
        (SOUND + "[defaults]\ntemperature = 'hot'", "defaults.temperature: Expected `float"),
        (SOUND + "keep = ['id', 'soul']", "keep[1]: a response has no field 'soul'"),
        (SOUND + "[events]\ndropped = ['response.odd']", "events: there is no event 'response.odd'"),
        (SOUND + "[schema.properties.a]\ntype = 'strnig'", "schema: "),
        (SOUND + "[schema.properties.a]\ntype = 'string'", "schema.properties.a: a request has no such field: move it"),
        (SOUND + "[", "this is not TOML: "),
    ],
)
def test_what_is_wrong_is_told_with_its_key(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text)
    with pytest.raises(LawError) as found:
        read_file(file)
    assert str(found.value).startswith(f"{file}: {told}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LawError, match=r"mine\.toml: this can't be read: "):
        read_file(tmp_path / "mine.toml")


def test_a_schema_may_stand_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text('{"properties": {"user": {"type": "string", "maxLength": 3}}}')
    (tmp_path / "mine.toml").write_text(
        SOUND + "schemas = ['items.json', 'fields.json', 'openai.request.json', 'mine.json']"
    )
    with pytest.raises(Problem, match="maximum length 3"):
        read_file(tmp_path / "mine.toml").read(body(user="long"))
