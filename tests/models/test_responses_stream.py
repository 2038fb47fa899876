"""What a Responses upstream says, in every habit that servers have, as deltas that tell it once and in order."""

import json
from typing import Any

import pytest
from hypothesis import given

from antiphon.core import deltas as d
from antiphon.core.emitter import Completed
from antiphon.core.items import Passed
from antiphon.core.problems import Problem
from antiphon.core.response import Response
from antiphon.core.wire import encode
from antiphon.models.responses_stream import Listener
from antiphon.models.upstream import Upstream
from tests.core.strategies import DELTAS, emitter_of, play
from tests.grammar import check_stream

UP = Upstream(name="up", url="http://127.0.0.1:1/v1", kind="responses", key="sk-secret")
USAGE = {"input_tokens": 3, "output_tokens": 2, "input_tokens_details": {"cached_tokens": 1}}
END = {"type": "response.completed", "response": {"status": "completed", "output": [], "usage": USAGE}}
TOLD = [d.UsageDelta(3, 2, 1), d.Stop()]


def heard(*events: dict[str, Any] | bytes, offered: frozenset[str] = frozenset()) -> list[d.Delta]:
    listener = Listener(UP, offered, lambda: 7)
    found: list[d.Delta] = []
    for event in events:
        found += listener.feed(event if isinstance(event, bytes) else json.dumps(event).encode())
    listener.close()
    return found


def added(index: int | None, **item: Any) -> dict[str, Any]:
    place = {} if index is None else {"output_index": index}
    return {"type": "response.output_item.added", **place, "item": item}


def done(index: int | None, **item: Any) -> dict[str, Any]:
    return added(index, **item) | {"type": "response.output_item.done"}


def said(kind: str, text: Any, **place: Any) -> dict[str, Any]:
    return {"type": f"response.{kind}.delta", "delta": text, **place}


def message(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]} | members


def test_text_as_openai_tells_it() -> None:
    place = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    assert heard(
        {"type": "response.created", "response": {"status": "in_progress"}},
        added(0, type="message", id="msg_1", content=[]),
        {"type": "response.content_part.added", **place, "part": {"type": "output_text"}},
        said("output_text", "Hel", **place, obfuscation="x"),
        said("output_text", "lo", **place),
        {"type": "response.output_text.done", **place, "text": "Hello"},
        done(0, id="msg_1", **message("Hello")),
        END,
        b"[DONE]",
    ) == [d.TextDelta("Hel"), d.TextDelta("lo"), *TOLD]


def test_text_as_llama_cpp_tells_it_without_indexes() -> None:
    item = {"item_id": "msg_1"}
    events = [added(None, type="message", id="msg_1"), said("output_text", "a", **item)]
    assert heard(*events, done(None, id="msg_1", **message("a")), END) == [d.TextDelta("a"), *TOLD]


def test_ids_that_change_with_each_event() -> None:
    events = [
        added(None, type="message", id="1"),
        said("output_text", "a", item_id="2"),
        said("output_text", "b", item_id="3"),
    ]
    assert heard(*events, done(None, id="4", **message("ab")), END) == [d.TextDelta("a"), d.TextDelta("b"), *TOLD]


@pytest.mark.parametrize(
    "events",
    [
        [END | {"response": END["response"] | {"output": [message("Hello")]}}],
        [done(0, **message("Hello")), END],
        [
            added(0, type="message", id="m"),
            END | {"response": END["response"] | {"output": [message("Hello", id="m")]}},
        ],
        [said("output_text", "Hello"), END],
    ],
    ids=["only the end", "only done", "nothing between", "nothing but a delta"],
)
def test_what_is_told_in_one_place_only_is_told(events: list[dict[str, Any]]) -> None:
    assert heard(*events) == [d.TextDelta("Hello"), *TOLD]


def test_what_done_tells_beyond_the_deltas_follows_and_what_it_tells_otherwise_does_not() -> None:
    assert heard(said("output_text", "Hel"), done(0, **message("Hello")), END)[:2] == [
        d.TextDelta("Hel"),
        d.TextDelta("lo"),
    ]
    assert heard(said("output_text", "Hel"), done(0, **message("Bye")), END)[:-2] == [d.TextDelta("Hel")]


def test_messages_stay_apart_and_keep_their_phase() -> None:
    assert heard(
        done(0, **message("I look.", phase="commentary")), done(1, **message("42", phase="final_answer")), END
    ) == [
        d.MessageBegun("commentary"),
        d.TextDelta("I look."),
        d.MessageBegun("final_answer"),
        d.TextDelta("42"),
        *TOLD,
    ]
    assert heard(done(0, **message("a")), done(1, **message("b")), END)[1:3] == [d.MessageBegun(), d.TextDelta("b")]


def test_items_that_are_interleaved_are_put_in_order() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "f"}
    assert heard(
        added(0, type="message", id="m"),
        added(1, id="f", **call),
        said("output_text", "a", output_index=0),
        said("function_call_arguments", '{"x"', output_index=1),
        said("output_text", "b", output_index=0),
        said("function_call_arguments", ":1}", output_index=1),
        done(1, id="f", **call, arguments='{"x":1}'),
        done(0, id="m", **message("ab")),
        END,
    ) == [
        d.TextDelta("a"),
        d.TextDelta("b"),
        d.CallBegun("f", "c1"),
        d.CallDelta('{"x"'),
        d.CallDelta(":1}"),
        *TOLD,
    ]


def test_calls_in_every_form() -> None:
    begun = {"type": "function_call", "call_id": "c1", "name": "f"}
    whole = [d.CallBegun("f", "c1"), d.CallDelta('{"x":1}'), *TOLD]
    assert heard(done(0, **begun, arguments='{"x":1}'), END) == whole
    assert heard(done(0, **begun, arguments={"x": 1}), END) == whole
    late = [added(0, type="function_call"), said("function_call_arguments", '{"x":1}', output_index=0)]
    assert heard(*late, done(0, **begun, arguments='{"x":1}'), END) == whole
    assert heard(done(0, type="function_call", name="f"), END) == [d.CallBegun("f"), *TOLD]
    custom = [
        added(0, type="custom_tool_call", call_id="c1", name="n"),
        said("custom_tool_call_input", "a b", output_index=0),
    ]
    assert heard(*custom, done(0, type="custom_tool_call", call_id="c1", name="n", input="a b"), END) == [
        d.CustomBegun("n", "c1"),
        d.CustomDelta("a b"),
        *TOLD,
    ]


def test_a_call_in_a_namespace_has_the_name_it_was_offered_under() -> None:
    call = {"type": "function_call", "call_id": "c1", "name": "find", "namespace": "crm"}
    assert heard(done(0, **call), END, offered=frozenset({"crm__find"}))[0] == d.CallBegun("crm__find", "c1")
    assert heard(done(0, **call), END)[0] == d.CallBegun("find", "c1", "crm")


def test_thoughts_with_summary_and_blob() -> None:
    item = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "one"}, {"text": "two"}]}
    found = heard(
        added(0, type="reasoning", id="rs_1", summary=[]),
        said("reasoning_summary_text", "one", output_index=0, summary_index=0),
        said("reasoning_summary_text", "t", output_index=0, summary_index=1),
        said("reasoning_summary_text", "wo", output_index=0, summary_index=1),
        done(0, **item, encrypted_content="BLOB"),
        END,
    )
    assert found[:3] == [d.SummaryDelta("one", True), d.SummaryDelta("t", True), d.SummaryDelta("wo")]
    assert isinstance(found[3], d.ReasoningSealed)
    assert json.loads(found[3].encrypted_content) == {"upstream": "up", "blob": "BLOB", "id": "rs_1"}
    assert heard(done(0, **item), END)[:2] == [*found[:1], d.SummaryDelta("two", True)]


@pytest.mark.parametrize("name", ["reasoning_text", "reasoning"])
def test_raw_thought_under_both_its_names(name: str) -> None:
    assert heard(said(name, "hm"), done(0, **message("a")), END)[0] == d.ReasoningDelta("hm")


def test_refusals_citations_and_log_probabilities() -> None:
    assert heard(said("refusal", "No."), END)[0] == d.RefusalDelta("No.")
    cite = {"type": "url_citation", "url": "https://a.example", "start_index": 0, "end_index": 1}
    part = {"type": "output_text", "text": "a", "annotations": [cite]}
    event = {"type": "response.output_text.annotation.added", "annotation": cite}
    cited = [d.TextDelta("a"), d.AnnotationDelta(cite), *TOLD]
    assert heard(said("output_text", "a"), event, done(0, **message("", content=[part])), END) == cited
    assert heard(done(0, **message("", content=[part])), END) == cited
    (first, *_) = heard(said("output_text", "a", logprobs=[{"token": "a", "logprob": -0.5}]), END)
    assert isinstance(first, d.TextDelta) and first.logprobs is not None and first.logprobs[0].bytes == [97]


def test_hosted_calls_are_passed_on_whole_without_their_id() -> None:
    item = {"type": "web_search_call", "id": "ws_theirs", "status": "completed", "action": {"type": "search"}}
    found = heard(
        added(0, type="web_search_call", id="ws_theirs", status="in_progress"),
        {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_theirs"},
        done(0, **item),
        END,
    )
    assert found[0] == d.ItemDelta(Passed({key: value for key, value in item.items() if key != "id"}))


def test_usage_that_is_not_told_is_estimated() -> None:
    (*_, usage, _) = heard(said("output_text", "twelve chars"), {"type": "response.completed", "response": {}})
    assert usage == d.UsageDelta(7, 3, estimated=True)


@pytest.mark.parametrize(
    ("reason", "stop"), [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")]
)
def test_an_incomplete_answer_says_why(reason: str | None, stop: str) -> None:
    end = {
        "type": "response.incomplete",
        "response": {"status": "incomplete", "incomplete_details": {"reason": reason}},
    }
    assert heard(said("output_text", "a"), end)[-1] == d.Stop(stop)


@pytest.mark.parametrize(
    ("event", "status", "code"),
    [
        (b"{", 502, "server_error"),
        (b"<html>", 502, "server_error"),
        (b"[]", 502, "server_error"),
        (b'{"type": 3}', 502, "server_error"),
        (said("output_text", 3), 502, "server_error"),
        (added(0), 502, "server_error"),
        (done(0, type="function_call", arguments="{}"), 502, "server_error"),
        ({"type": "response.completed"}, 502, "server_error"),
        ({"type": "error", "code": "rate_limit_exceeded", "message": "slow"}, 429, "rate_limit_exceeded"),
        ({"type": "error", "error": {"code": "server_error", "message": "oh"}}, 502, "server_error"),
        ({"error": {"code": 429, "message": "slow"}}, 429, "rate_limit_exceeded"),
        ({"object": "error", "code": 503, "message": "busy"}, 503, "overloaded"),
        ({"error": "out of memory"}, 502, "server_error"),
        ({}, 502, "server_error"),
        (
            {
                "type": "response.failed",
                "response": {"status": "failed", "error": {"code": "invalid_prompt", "message": "no"}},
            },
            400,
            "invalid_prompt",
        ),
        ({"type": "response.completed", "response": {"status": "cancelled"}}, 502, "server_error"),
        ({"type": "error", "error": {"code": "context_length_exceeded"}}, 400, "context_length_exceeded"),
    ],
)
def test_what_is_broken_or_failed_is_a_problem(event: dict[str, Any] | bytes, status: int, code: str) -> None:
    with pytest.raises(Problem) as caught:
        heard(event)
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    ("value", "status"),
    [({}, 502), ([], 502), ("x", 502), ({"error": {"code": 429, "message": "slow"}}, 429), ({"detail": "no"}, 502)],
)
def test_a_whole_answer_that_is_none_is_a_problem(value: Any, status: int) -> None:
    with pytest.raises(Problem) as caught:
        Listener(UP, frozenset(), lambda: 7).whole(value)
    assert caught.value.status == status


def test_an_end_that_is_not_told_is_a_fault_and_no_message_has_the_key() -> None:
    with pytest.raises(Problem, match="broke off"):
        heard(said("output_text", "a"))
    with pytest.raises(Problem) as caught:
        heard({"type": "error", "error": {"message": "bad key sk-secret"}})
    assert "sk-secret" not in caught.value.message


@given(DELTAS)
def test_what_another_antiphon_tells_is_told_alike(spoken: list[d.Delta]) -> None:
    """Any stream of ours, heard as an upstream's, is the same output again, but for what seals and ids are."""
    first = play(Response(id="resp_1", created_at=1, model="m"), spoken, Completed())
    listener = Listener(UP, frozenset(), lambda: 7)
    again = [delta for event in first for delta in listener.feed(encode(event))]
    listener.close()
    emitter = emitter_of(Response(id="resp_2", created_at=1, model="m"))
    second = [*emitter.start(), *emitter.proceed(), *emitter.feed(again), *emitter.finish(Completed())]
    output = check_stream([json.loads(encode(event)) for event in second])["output"]
    assert words(output) == words(json.loads(encode(first[-1]))["response"]["output"])


def words(output: list[dict[str, Any]]) -> list[str]:
    """What is said, item by item that says something; neighbouring thoughts may have become one."""
    found: list[tuple[str, str]] = []
    for item in output:
        parts = [
            *item.get("summary", []),
            *(item.get("content") or [] if item["type"] in ("message", "reasoning") else []),
        ]
        text = "".join(str(part.get("text", part.get("refusal", ""))) for part in parts)
        text += (
            str(item.get("arguments", item.get("input", "")))
            if item["type"] in ("function_call", "custom_tool_call")
            else ""
        )
        if item["type"] in ("message", "reasoning") and not text:
            continue
        if found and found[-1][0] == item["type"] == "reasoning":
            found[-1] = ("reasoning", found[-1][1] + text)
            continue
        found.append((item["type"], text))
    return [f"{kind}: {''.join(sorted(text))}" for kind, text in found]
