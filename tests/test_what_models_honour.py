"""Contracts §D, row by row: what each kind of model does with what it is asked, through the real server.

A column is a dictionary with a verdict on every row, and a test that judges each row by it.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon.models import catalogue
from tests.honours import Honoured, Named, Place, Refused, Verdict, judge
from tests.honours_rows import ROWS
from tests.models.thinker import HYBRID, thinker
from tests.served import Server, serving

H = Honoured()
ABSENT = Refused("unsupported_parameter", "tool_choice")
"""What a hosted tool is that is not configured, where it is forced."""


def named(*names: str) -> Named:
    return Named(names)


def by_name(*rows: str) -> list[object]:
    return [pytest.param(row, id=f"D-{row}") for row in rows or ROWS]


EMBEDDED: dict[str, Verdict] = {
    "temperature": H,
    "top_p": H,
    "presence_penalty": H,
    "frequency_penalty": H,
    "max_output_tokens": H,
    "top_k": H,
    "top_logprobs": H,
    "text.format json_schema": H,
    "text.format json_object": H,
    "a schema that can't be held": named("text.format.schema#/properties/all/uniqueItems"),
    "a schema that can't be held, strict": Refused("invalid_json_schema", "text.format.schema"),
    "a format that nobody knows": H,
    "text.verbosity": named("text.verbosity"),
    "reasoning.effort": named("reasoning.effort"),  # of a model that thinks: below
    "reasoning.summary": named("reasoning.summary"),
    "reasoning.context": named("reasoning.context"),
    "reasoning.mode": named("reasoning.mode"),
    "tools function": H,
    "tool_choice none": H,
    "tool_choice auto": H,
    "tool_choice required": H,
    "tool_choice function": H,
    "tool_choice custom": H,
    "tool_choice allowed_tools auto": H,
    "tool_choice allowed_tools required": H,
    "parallel_tool_calls": H,
    "strict": Refused("invalid_json_schema", "tools[0].parameters"),
    "tools custom": H,
    "tools custom, grammar lark": H,
    "tools custom, grammar regex": H,
    "tools namespace": H,
    "tools tool_search": H,
    "tools shell": H,
    "tools local_shell": H,
    "tools apply_patch": H,
    **{
        row: verdict
        for kind in (
            *("web_search", "file_search", "code_interpreter", "mcp"),
            *("image_generation", "computer_use_preview"),
        )
        for row, verdict in ((kind, named("tools[1]")), (f"{kind}, forced", ABSENT))
    },
    "input_image": Refused("unsupported_parameter", "input[0].content[1]"),
    "input_file, text": H,
    "input_file, PDF": H,
    "input_file, another": Refused("unsupported_value", "input[0].content[1].file_data"),
    "truncation": H,
    "context_management": H,
    "max_tool_calls": H,
    "configuration_update": H,
    "mcp_approval_response": Refused("unsupported_parameter", "input[1].type"),
    "store": H,
    "previous_response_id": H,
    "background": H,
    "conversation": H,
    "metadata": H,
    "user": H,
    "safety_identifier": H,
    "prompt": H,
    "include": H,
    "prompt_cache_key": H,
    "prompt_cache_options": named("prompt_cache_options"),
    "prompt_cache_retention": named("prompt_cache_retention"),
    "service_tier default": H,
    "service_tier": named("service_tier"),
    "moderation": named("moderation"),
    "access_programs": named("access_programs"),
    "image": named("image"),
    "stream_options.include_obfuscation": H,
    **{row: named(row) for row in ("seed", "stop", "logit_bias", "n", "messages", "response_format", "max_tokens")},
}
"""The model inside the server."""


def test_no_row_is_left_out() -> None:
    assert EMBEDDED.keys() == ROWS.keys()


@pytest.mark.parametrize("row", by_name())
def test_the_embedded_model(small_server: Server, row: str) -> None:
    judge(Place(small_server, catalogue.load().small), ROWS[row], EMBEDDED[row])


@pytest.fixture(scope="module")
def thinking(small_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """The small model, with a chat template that speaks of thought."""
    with thinker(small_model, HYBRID) as path, serving(str(path), tmp_path_factory.mktemp("thinking")) as server:
        yield Place(server, "thinker")


@pytest.mark.parametrize("row", by_name("reasoning.effort"))
def test_an_embedded_model_that_thinks(thinking: Place, row: str) -> None:
    judge(thinking, ROWS[row], H)
