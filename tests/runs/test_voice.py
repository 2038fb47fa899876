"""What the model says, on its way to the emitter: calls given back as they were offered, thoughts sealed."""

from msgspec import UNSET

from antiphon.core import deltas as d
from antiphon.core.items import Passed
from antiphon.core.offers import offers
from antiphon.core.reasoning import Sealing, Wrapping
from antiphon.core.request import CustomTool, FunctionTool, PassedTool
from antiphon.runs.voice import Voice

TOOLS = [
    FunctionTool(name="find"),
    CustomTool(name="note"),
    PassedTool({"type": "namespace", "name": "crm", "tools": [{"type": "function", "name": "find"}]}),
    PassedTool({"type": "shell"}),
]


def seal(plaintext: bytes) -> str:
    return f"sealed {len(plaintext) > 0}"


def spoken(*deltas: d.Delta, most: int | None = None) -> list[d.Delta]:
    voice = Voice(offers(TOOLS, []), most, Wrapping(seal))
    return [*voice.feed(deltas), *voice.finish()]


def test_a_function_in_a_namespace_comes_back_with_it() -> None:
    assert spoken(d.CallBegun("crm__find", "call_1"), d.CallDelta("{}")) == [
        d.CallBegun("find", "call_1", "crm"),
        d.CallDelta("{}"),
    ]


def test_a_custom_tool_gets_plain_text_however_its_json_is_cut() -> None:
    said = spoken(d.CallBegun("note"), *map(d.CallDelta, ['{"in', 'put": "a\\', "nb", '"}']))
    assert said[0] == d.CustomBegun("note", UNSET, UNSET)
    assert "".join(delta.text for delta in said[1:] if isinstance(delta, d.CustomDelta)) == "a\nb"


def test_a_tool_that_the_client_runs_comes_back_as_its_own_item() -> None:
    (whole,) = spoken(d.CallBegun("shell", "call_1"), d.CallDelta('{"commands":'), d.CallDelta('["ls"]}'))
    assert isinstance(whole, d.ItemDelta)
    assert isinstance(whole.item, Passed)
    assert (whole.item.type, whole.item.value["call_id"]) == ("shell_call", "call_1")
    assert whole.item.value["action"]["commands"] == ["ls"]


def test_half_a_call_of_a_kind_of_its_own_is_none() -> None:
    stop = d.Stop("length")
    assert spoken(d.CallBegun("shell"), d.CallDelta('{"comm'), d.UsageDelta(1, 2), stop) == [d.UsageDelta(1, 2), stop]


def test_calls_beyond_the_bound_are_dropped() -> None:
    said = spoken(d.CallBegun("find"), d.CallDelta("{}"), d.CallBegun("find"), d.CallDelta("{}"), d.Stop(), most=1)
    assert said == [d.CallBegun("find"), d.CallDelta("{}"), d.Stop()]


def test_a_thought_is_followed_by_its_sealed_form() -> None:
    voice = Voice([], None, Sealing(seal))
    said = [*voice.feed([d.ReasoningDelta("hm"), d.TextDelta("a")]), *voice.finish()]
    assert said == [d.ReasoningDelta("hm"), d.ReasoningSealed("sealed True"), d.TextDelta("a")]


def test_an_upstreams_own_blob_is_sealed_though_nobody_asks_and_nothing_else_is() -> None:
    voice = Voice([], None, Wrapping(seal))
    said = [
        *voice.feed([d.ReasoningDelta("hm"), d.ReasoningSealed("theirs"), d.ReasoningDelta("so"), d.TextDelta("a")])
    ]
    assert [*said, *voice.finish()] == [
        d.ReasoningDelta("hm"),
        d.ReasoningSealed("sealed True"),
        d.ReasoningDelta("so"),
        d.TextDelta("a"),
    ]
