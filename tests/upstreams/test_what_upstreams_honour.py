"""Contracts §D, row by row, of models behind upstreams: what reaches the upstream, what is named and what refused.

The upstream is a twin (`twin`): what it can't do without a model is seen by how it is asked.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.asking import ask
from tests.honours import Honoured, Named, Place, Refused, Verdict, judge
from tests.honours_rows import ROWS
from tests.served import Server, running
from tests.upstreams.fake import Fake
from tests.upstreams.twin import CONTEXT, twin

SETTINGS = """
[upstreams.chat]
url = "{url}"
kind = "chat"
[upstreams.responses]
url = "{url}"
kind = "responses"
[models.chat]
upstreams = ["chat"]
context = {context}
prices = {{ input = 2.0, output = 4.0 }}
[models.responses]
upstreams = ["responses"]
context = {context}
[models.chat-takes]
upstreams = ["chat"]
model = "chat"
takes = ["top_k"]
[models.responses-takes]
upstreams = ["responses"]
takes = ["top_k"]
"""

H = Honoured()
ABSENT = Refused("unsupported_parameter", "tool_choice")
"""What a hosted tool is that is not configured, where it is forced."""


@dataclass(frozen=True)
class Carried:
    """It is done by the upstream, which is asked for it: what it is sent has these members."""

    sent: dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """It is done by the upstream: what it is sent looks as it should."""

    looks: Callable[[Any], bool]


Column = dict[str, Verdict | Carried | Shown]


def named(*names: str) -> Named:
    return Named(names)


def hosted(offered: Any, forced: Any) -> Column:
    """The tools that a server runs."""
    kinds = ("web_search", "file_search", "code_interpreter", "mcp", "image_generation", "computer_use_preview")
    return {row: verdict for kind in kinds for row, verdict in ((kind, offered), (f"{kind}, forced", forced))}


def picture_in_chat(body: Any) -> bool:
    return bool(body["messages"][-1]["content"][1]["image_url"]["url"].startswith("data:image/png;base64,"))


def picture_in_responses(body: Any) -> bool:
    return bool(body["input"][-1]["content"][1]["image_url"].startswith("data:image/png;base64,"))


BOTH: Column = {
    "temperature": Carried({"temperature": 0}),
    "top_p": Carried({"top_p": 0, "temperature": 2}),
    "presence_penalty": Carried({"presence_penalty": 2}),
    "frequency_penalty": Carried({"frequency_penalty": 2}),
    "max_output_tokens": H,
    "top_k": named("top_k"),  # of an upstream that takes it: below
    "top_logprobs": H,
    "text.format json_schema": H,
    "text.format json_object": H,
    "a schema that can't be held": H,  # the upstream's affair
    "a schema that can't be held, strict": H,  # the result is validated
    "a format that nobody knows": H,
    "tools function": H,
    "tool_choice none": H,
    "tool_choice auto": H,
    "tool_choice required": H,
    "tool_choice function": H,
    "tool_choice custom": H,
    "tool_choice allowed_tools auto": H,
    "tool_choice allowed_tools required": H,
    "parallel_tool_calls": Carried({"parallel_tool_calls": False}),
    "strict": H,
    "tools custom": H,
    "tools namespace": H,
    "tools tool_search": H,
    "tools shell": H,
    "tools local_shell": H,
    "tools apply_patch": H,
    "input_file, text": H,
    "input_file, PDF": H,
    "input_file, another": Refused("unsupported_value", "input[0].content[1].file_data"),
    "truncation": H,
    "context_management": H,
    "max_tool_calls": H,
    "configuration_update": H,
    "store": H,
    "previous_response_id": H,
    "background": H,
    "conversation": H,
    "metadata": H,
    "user": Carried({"user": "u"}),
    "safety_identifier": Carried({"safety_identifier": "s"}),
    "prompt": H,
    "include": H,
    "prompt_cache_key": Carried({"prompt_cache_key": "k"}),
    "service_tier default": Carried({"service_tier": "default"}),
    "service_tier": Carried({"service_tier": "priority"}),
    "stream_options.include_obfuscation": H,
    **{row: named(row) for row in ("seed", "stop", "logit_bias", "n", "messages", "response_format", "max_tokens")},
}
"""What is alike for both kinds of upstream."""

CHAT: Column = BOTH | {
    "text.verbosity": Carried({"verbosity": "low"}),
    "reasoning.effort": Carried({"reasoning_effort": "low"}),
    "reasoning.summary": named("reasoning.summary"),
    "reasoning.context": named("reasoning.context"),
    "reasoning.mode": named("reasoning.mode"),
    "tools custom, grammar lark": Refused("unsupported_parameter", "tool_choice"),  # where it is forced
    "tools custom, grammar regex": Refused("unsupported_parameter", "tool_choice"),
    **hosted(named("tools[1]"), ABSENT),
    "mcp_approval_response": Refused("unsupported_parameter", "input[1].type"),
    "input_image": Shown(picture_in_chat),
    **{
        row: named(row)
        for row in ("prompt_cache_options", "prompt_cache_retention", "moderation", "access_programs", "image")
    },
}

RESPONSES: Column = BOTH | {
    "text.verbosity": Carried({"text": {"format": {"type": "text"}, "verbosity": "low"}}),
    "reasoning.effort": Carried({"reasoning": {"effort": "low"}}),
    "reasoning.summary": Carried({"reasoning": {"summary": "auto"}}),
    "reasoning.context": Carried({"reasoning": {"context": "all_turns"}}),
    "reasoning.mode": Carried({"reasoning": {"mode": "pro"}}),
    "tools custom, grammar lark": H,
    "tools custom, grammar regex": H,
    **hosted(Shown(lambda body: len(body["tools"]) == 2), Shown(lambda body: body["tool_choice"]["type"] != "auto")),
    "input_image": Shown(picture_in_responses),
    "mcp_approval_response": Shown(lambda body: body["input"][1]["approval_request_id"] == body["input"][0]["id"]),
    "max_tool_calls": Carried({"max_tool_calls": 1}),
    "prompt_cache_options": Carried({"prompt_cache_options": {"ttl": "1h"}}),
    "prompt_cache_retention": Carried({"prompt_cache_retention": "24h"}),
    "moderation": Carried({"moderation": {"model": "m"}}),
    "access_programs": Carried({"access_programs": ["p"]}),
    "image": Carried({"image": {"context_compression": "none"}}),
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Fake]:
    with twin() as fake:
        yield fake


@pytest.fixture(scope="module")
def gateway(upstream: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server before it."""
    folder = tmp_path_factory.mktemp("gateway")
    (folder / "antiphon.toml").write_text(SETTINGS.format(url=upstream.url, context=CONTEXT))
    with running("", folder) as (server, _):
        yield server


def see(gateway: Server, upstream: Fake, row: str, column: str, verdict: Verdict | Carried | Shown) -> None:
    """See that a row is what it is said to be."""
    place = Place(gateway, column)
    match verdict:
        case Carried(sent=sent):
            place.say(ROWS[row].asked)
            body = upstream.asked[-1].body
            assert {name: body.get(name) for name in sent} == sent
        case Shown(looks=looks):
            place.say(ROWS[row].asked)
            assert looks(upstream.asked[-1].body)
        case _:
            judge(place, ROWS[row], verdict)


def test_no_row_is_left_out() -> None:
    assert CHAT.keys() == RESPONSES.keys() == ROWS.keys()


@pytest.mark.parametrize("row", [pytest.param(row, id=f"D-{row}") for row in ROWS])
def test_a_chat_completions_upstream(gateway: Server, upstream: Fake, row: str) -> None:
    see(gateway, upstream, row, "chat", CHAT[row])


@pytest.mark.parametrize("row", [pytest.param(row, id=f"D-{row}") for row in ROWS])
def test_a_responses_upstream(gateway: Server, upstream: Fake, row: str) -> None:
    see(gateway, upstream, row, "responses", RESPONSES[row])


@pytest.mark.parametrize("model", ["chat-takes", "responses-takes"])
def test_an_upstream_that_takes_more(gateway: Server, upstream: Fake, model: str) -> None:
    see(gateway, upstream, "top_k", model, Carried({"top_k": 1}))
    assert Place(gateway, model).answer(ROWS["input_image"].asked).status == 400  # and it takes no pictures


def test_what_was_asked_is_counted_by_upstream_and_model(gateway: Server) -> None:
    def metric(name: str, **labels: str) -> float:
        told = ask(gateway, "GET", "/metrics").body.decode().splitlines()
        wanted = {f'{label}="{value}"' for label, value in labels.items()}
        found = [line for line in told if line.startswith(f"{name}{{") and all(one in line for one in wanted)]
        return sum(float(line.rpartition(" ")[2]) for line in found)

    here = {"upstream": "chat", "model": "chat"}
    before = [
        metric("antiphon_upstream_calls_total", **here, outcome="answered", status="200"),
        metric("antiphon_upstream_tokens_total", **here, kind="output"),
        metric("antiphon_upstream_cost_total", **here),
        metric("antiphon_upstream_first_delta_seconds_count", **here),
    ]
    usage = Place(gateway, "chat").say({})["usage"]
    after = [
        metric("antiphon_upstream_calls_total", **here, outcome="answered", status="200"),
        metric("antiphon_upstream_tokens_total", **here, kind="output"),
        metric("antiphon_upstream_cost_total", **here),
        metric("antiphon_upstream_first_delta_seconds_count", **here),
    ]
    cost = (usage["input_tokens"] * 2 + usage["output_tokens"] * 4) / 1e6
    grown = [now - then for now, then in zip(after, before, strict=True)]
    assert grown == pytest.approx([1, usage["output_tokens"], cost, 1])
    assert metric("antiphon_upstream_ready", upstream="chat") == 1
