"""Inputs: what services take in another form."""

from typing import Any

from antiphon.contract import inputs
from antiphon.contract.fields import Asking


def after(step: Any, **body: Any) -> Asking:
    asking = Asking(body)
    step(asking)
    return asking


def test_thought_in_a_message_is_its_text() -> None:
    parts = [{"type": "reasoning_text", "text": "a"}, {"type": "output_text", "text": "b", "logprobs": [{}]}]
    found = after(
        inputs.text_parts,
        input=[{"role": "user", "content": parts}, {"type": "message", "role": "assistant", "content": parts}],
    )
    user, assistant = found.body["input"]
    assert user["content"] == [{"type": "input_text", "text": text} for text in "ab"]
    assert assistant["content"] == [{"type": "output_text", "text": text} for text in "ab"]
    assert after(inputs.text_parts, input="a").body == {"input": "a"}


def test_a_slug_of_openai_is_the_native_kind() -> None:
    found = after(
        inputs.native_kinds,
        input=[{"type": "openai:web_search_call"}, {"type": "acme:thing"}, {"role": "user"}],
        tools=[{"type": "openai:custom"}, {"type": "openai:hammer"}],
        tool_choice={"type": "allowed_tools", "tools": [{"type": "openai:custom", "name": "x"}]},
    )
    assert [item.get("type") for item in found.body["input"]] == ["web_search_call", "acme:thing", None]
    assert [tool["type"] for tool in found.body["tools"]] == ["custom", "openai:hammer"]
    assert found.body["tool_choice"]["tools"] == [{"type": "custom", "name": "x"}]


def test_the_text_of_a_thought_is_its_content() -> None:
    """contracts §C: an example of Open Responses has it so."""
    thought = {
        "type": "reasoning",
        "summary": [],
        "content": [{"type": "output_text", "text": "hm", "annotations": []}],
    }
    found = after(inputs.native_kinds, input=[thought, {"type": "reasoning", "content": None}])
    assert found.body["input"][0]["content"] == [{"type": "reasoning_text", "text": "hm"}]


def test_metadata_of_any_json_are_kept_twice() -> None:
    metadata = {"a": "text", "b": [1, None], "c": None, "d": 1.5}
    found = after(inputs.any_metadata, metadata=metadata)
    assert found.kept == {"metadata": metadata}
    assert found.body["metadata"] == {"a": "text", "b": "[1,null]", "c": "null", "d": "1.5"}
    assert after(inputs.any_metadata, metadata={"a": "b"}).kept == {}


def test_sampling_that_was_not_set_is_remembered() -> None:
    assert after(inputs.unset_sampling, temperature=0.5).kept == {"top_p": None}


def test_tools_that_say_nothing_are_named() -> None:
    found = after(inputs.any_tools, tools=[{"type": "function"}, {}, {"type": "hammer"}, {"type": 5}, {"type": "a:b"}])
    assert found.body["tools"] == [{"type": "function"}, {"type": "hammer"}, {"type": "a:b"}]
    assert found.ignored == ["tools[1]", "tools[2]", "tools[3]"]
