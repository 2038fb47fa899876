"""The habits of Chat Completions servers: what they send, and what is to be told of it.

Knows nothing of the code that reads them. What is told stands as one entry an item: its kind, then its text; a call's
name and arguments, and its id where the upstream's is kept.
"""

import json
from typing import Any, NamedTuple

JSON = Any

USAGE = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
COUNTED = (9, 4, 0, 0, False)
WEATHER = '{"city":"Oslo"}'


class Habit(NamedTuple):
    """What a server sends as the data of its events, and what is told: items, why it stopped, the usage (input, output,
    cached, reasoning, estimated)."""

    data: list[str]
    told: list[tuple[str, ...]]
    stop: str = "stop"
    usage: tuple[int, int, int, int, bool] = COUNTED


def chunk(delta: JSON = None, *, finish: JSON = None, usage: JSON = None, **choice: JSON) -> str:
    """A chunk as the standard has it."""
    choices = [{"index": 0, "delta": {} if delta is None else delta, "finish_reason": finish, **choice}]
    return json.dumps({"id": "c-1", "object": "chat.completion.chunk", "choices": choices, "usage": usage})


def piece(**call: JSON) -> str:
    """A chunk with a piece of a call."""
    return chunk({"tool_calls": [call]})


def function(name: str | None = None, arguments: JSON = None) -> JSON:
    """The function of a piece."""
    return {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}


def token(text: str) -> JSON:
    """A token with its log-probability."""
    return {"token": text, "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": text, "logprob": -0.5}]}


LAST = json.dumps({"id": "c-1", "object": "chat.completion.chunk", "choices": [], "usage": USAGE})
END = [chunk(finish="stop"), LAST, "[DONE]"]
CALLED = [chunk(finish="tool_calls"), LAST, "[DONE]"]
HI = [chunk({"role": "assistant", "content": ""}), chunk({"content": "Hel"}), chunk({"content": "lo"})]
HELLO = [("text", "Hello")]
CALL = [("call", "weather", WEATHER, "a1")]
CALLS = [("call", "weather", WEATHER, "a1"), ("call", "time", "{}", "a2")]
ANON = [("call", "weather", WEATHER, "")]

TEXT = {
    "plain": Habit([*HI, *END], HELLO),
    "usage in the last content": Habit([*HI, chunk(finish="stop", usage=USAGE), "[DONE]"], HELLO),
    "usage in every chunk": Habit(
        [chunk({"content": one}, usage={"prompt_tokens": 9, "completion_tokens": n}) for n, one in enumerate("Hello")]
        + [chunk(finish="stop"), "[DONE]"],
        HELLO,
    ),
    "no usage": Habit([*HI, chunk(finish="stop"), "[DONE]"], HELLO, usage=(7, 2, 0, 0, True)),
    "usage of nulls": Habit(
        [*HI, chunk(finish="stop"), json.dumps({"choices": [], "usage": {"prompt_tokens": None}}), "[DONE]"],
        HELLO,
        usage=(7, 2, 0, 0, True),
    ),
    "details of usage": Habit(
        [
            *HI,
            chunk(
                finish="stop",
                usage=USAGE
                | {"prompt_tokens_details": {"cached_tokens": 8}, "completion_tokens_details": {"reasoning_tokens": 1}},
            ),
            "[DONE]",
        ],
        HELLO,
        usage=(9, 4, 8, 1, False),
    ),
    "cache hits": Habit(
        [*HI, chunk(finish="stop", usage=USAGE | {"prompt_cache_hit_tokens": 5}), "[DONE]"],
        HELLO,
        usage=(9, 4, 5, 0, False),
    ),
    "numbers as text": Habit(
        [
            *HI,
            json.dumps(
                {
                    "choices": [{"index": "0", "delta": {"content": "!"}, "finish_reason": "stop"}],
                    "usage": {"prompt_tokens": "9", "completion_tokens": 4.0},
                }
            ),
            "[DONE]",
        ],
        [("text", "Hello!")],
    ),
    "no end mark": Habit([*HI, chunk(finish="stop"), LAST], HELLO),
    "no reason": Habit([*HI, LAST, "[DONE]"], HELLO),
    "odd reason": Habit([*HI, chunk(finish="eos_token"), LAST, "[DONE]"], HELLO),
    "reason that is no text": Habit([*HI, chunk(finish=7), LAST, "[DONE]"], HELLO),
    "cut by length": Habit([*HI, chunk(finish="length"), LAST, "[DONE]"], HELLO, stop="length"),
    "cut by MAX_TOKENS": Habit([*HI, chunk(finish="MAX_TOKENS"), LAST, "[DONE]"], HELLO, stop="length"),
    "filtered": Habit([*HI, chunk(finish="content_filter"), LAST, "[DONE]"], HELLO, stop="content_filter"),
    "roles only between": Habit([HI[1], chunk({"role": "assistant"}), HI[2], *END], HELLO),
    "null content": Habit([chunk({"role": "assistant", "content": None}), *HI, *END], HELLO),
    "no delta": Habit([json.dumps({"choices": [{"index": 0}]}), *HI, *END], HELLO),
    "null choices": Habit([json.dumps({"choices": None, "usage": None}), *HI, *END], HELLO),
    "empty choices first": Habit([json.dumps({"choices": [], "prompt_filter_results": []}), *HI, *END], HELLO),
    "several choices": Habit(
        [
            chunk({"content": "Hello"}),
            chunk({"content": "Other"}, index=1),
            json.dumps(
                {
                    "choices": [
                        {"index": 1, "delta": {"content": "Third"}, "finish_reason": "length"},
                        {"index": 0, "delta": {}, "finish_reason": "stop"},
                    ]
                }
            ),
            LAST,
            "[DONE]",
        ],
        HELLO,
    ),
    "no index": Habit([json.dumps({"choices": [{"delta": {"content": "Hello"}}]}), *END], HELLO),
    "parts": Habit(
        [chunk({"content": [{"type": "text", "text": "Hel"}, {"type": "output_text", "text": "lo"}]}), *END], HELLO
    ),
    "parts that are text": Habit([chunk({"content": ["Hel", "lo"]}), *END], HELLO),
    "parts of thought": Habit(
        [
            chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}]}),
            chunk({"content": [{"type": "text", "text": "Hello"}]}),
            *END,
        ],
        [("thought", "Hm"), ("text", "Hello")],
        usage=(9, 4, 0, 1, True),
    ),
    "a message in the end": Habit(
        [*HI, chunk(finish="stop", message={"content": "Hello!"}), LAST, "[DONE]"], [("text", "Hello!")]
    ),
    "only a message": Habit(
        [
            json.dumps({"choices": [{"message": {"content": "Hello"}, "finish_reason": "stop"}], "usage": USAGE}),
            "[DONE]",
        ],
        HELLO,
    ),
    "words after the end": Habit([*HI, *END, chunk({"content": "more"}), "[DONE]"], HELLO),
    "nothing said": Habit([chunk({"role": "assistant", "content": ""}), *END], []),
    "reasoning_content": Habit(
        [chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": None, "content": "Hello"}), *END],
        [("thought", "Hm"), ("text", "Hello")],
        usage=(9, 4, 0, 1, True),
    ),
    "reasoning": Habit(
        [chunk({"reasoning": "Hm"}), chunk({"content": "Hello"}), *END],
        [("thought", "Hm"), ("text", "Hello")],
        usage=(9, 4, 0, 1, True),
    ),
    "both names of reasoning": Habit(
        [chunk({"reasoning": "Hm", "reasoning_content": "Hm", "content": "Hello"}), *END],
        [("thought", "Hm"), ("text", "Hello")],
        usage=(9, 4, 0, 1, True),
    ),
    "reasoning that is no text": Habit([chunk({"reasoning": {"effort": 1}}), *HI, *END], HELLO),
    "thought in tags": Habit(
        [chunk({"content": one}) for one in ("<th", "ink>\nHm", "\n</thi", "nk>\n\nHel", "lo")] + END,
        [("thought", "Hm"), ("text", "Hello")],
        usage=(9, 4, 0, 3, True),
    ),
    "refusal": Habit([chunk({"refusal": "I can"}), chunk({"refusal": "not."}), *END], [("refusal", "I cannot.")]),
}
"""Answers in words."""

TOOLS = {
    "by the book": Habit(
        [
            piece(index=0, id="a1", type="function", function=function("weather", "")),
            piece(index=0, function=function(arguments='{"city"')),
            piece(index=0, function=function(arguments=':"Oslo"}')),
            piece(index=1, id="a2", type="function", function=function("time", "")),
            piece(index=1, function=function(arguments="{}")),
            *CALLED,
        ],
        CALLS,
    ),
    "index missing": Habit(
        [
            piece(id="a1", function=function("weather", '{"city"')),
            piece(function=function(arguments=':"Oslo"}')),
            piece(id="a2", function=function("time", "{")),
            piece(function=function(arguments="}")),
            *CALLED,
        ],
        CALLS,
    ),
    "all at once": Habit(
        [
            chunk(
                {
                    "tool_calls": [
                        {"id": "a1", "function": function("weather", WEATHER)},
                        {"id": "a2", "function": function("time", "{}")},
                    ]
                }
            ),
            *CALLED,
        ],
        CALLS,
    ),
    "every index 0": Habit(
        [
            piece(index=0, id="a1", function=function("weather", WEATHER)),
            piece(index=0, id="a2", function=function("time", "{}")),
            *CALLED,
        ],
        CALLS,
    ),
    "arguments as an object": Habit(
        [piece(index=0, id="a1", function=function("weather", {"city": "Oslo"})), *CALLED], CALL
    ),
    "index as text": Habit([piece(index="0", id="a1", function=function("weather", WEATHER)), *CALLED], CALL),
    "id as a number": Habit(
        [piece(index=0, id=7, function=function("weather", WEATHER)), *CALLED], [("call", "weather", WEATHER, "7")]
    ),
    "id missing": Habit([piece(index=0, function=function("weather", WEATHER)), *CALLED], ANON),
    "id empty": Habit([piece(index=0, id="", function=function("weather", WEATHER)), *CALLED], ANON),
    "id repeated in every piece": Habit(
        [piece(index=0, id="a1", function=function("weather", one)) for one in ('{"city"', ':"Oslo"', "}")] + CALLED,
        CALL,
    ),
    "another id in every piece": Habit(
        [
            piece(index=0, id="a1", function=function("weather", "")),
            piece(index=0, id="a2", function=function(arguments='{"city"')),
            piece(index=0, id="a3", function=function(arguments=':"Oslo"}')),
            *CALLED,
        ],
        CALL,
    ),
    "one id for two calls": Habit(
        [
            piece(index=0, id="a1", function=function("weather", WEATHER)),
            piece(index=1, id="a1", function=function("time", "{}")),
            *CALLED,
        ],
        [CALL[0], ("call", "time", "{}", "")],
    ),
    "one id and no index for two calls": Habit(
        [
            piece(id="a1", function=function("weather", WEATHER)),
            piece(id="a1", function=function("time", "{}")),
            *CALLED,
        ],
        [CALL[0], ("call", "time", "{}", "")],
    ),
    "an id of the history": Habit([piece(index=0, id="old", function=function("weather", WEATHER)), *CALLED], ANON),
    "interleaved": Habit(
        [
            piece(index=0, id="a1", function=function("weather", "")),
            piece(index=1, id="a2", function=function("time", "{")),
            piece(index=0, function=function(arguments='{"city"')),
            piece(index=1, function=function(arguments="}")),
            piece(index=0, function=function(arguments=':"Oslo"}')),
            *CALLED,
        ],
        CALLS,
    ),
    "name after the id": Habit(
        [piece(index=0, id="a1"), piece(index=0, function=function("weather", WEATHER)), *CALLED], CALL
    ),
    "no arguments": Habit(
        [piece(index=0, id="a2", function=function("time")), *CALLED], [("call", "time", "{}", "a2")]
    ),
    "said once more in the end": Habit(
        [
            piece(index=0, id="a1", function=function("weather", WEATHER)),
            piece(index=0, id="a1", function=function("weather", WEATHER)),
            chunk(
                finish="tool_calls",
                message={"tool_calls": [{"id": "a1", "function": function("weather", WEATHER)}]},
            ),
            LAST,
            "[DONE]",
        ],
        CALL,
    ),
    "in a message": Habit(
        [
            json.dumps(
                {
                    "choices": [
                        {
                            "message": {
                                "content": None,
                                "tool_calls": [{"id": "a1", "function": function("weather", WEATHER)}],
                            },
                            "finish_reason": "tool_calls",
                        }
                    ],
                    "usage": USAGE,
                }
            ),
            "[DONE]",
        ],
        CALL,
    ),
    "the old function_call": Habit(
        [
            chunk({"function_call": {"name": "weather", "arguments": ""}}),
            chunk({"function_call": {"arguments": '{"city"'}}),
            chunk({"function_call": {"arguments": ':"Oslo"}'}}),
            chunk(finish="function_call"),
            LAST,
            "[DONE]",
        ],
        ANON,
    ),
    "finished by stop": Habit([piece(index=0, id="a1", function=function("weather", WEATHER)), *END], CALL),
    "text before": Habit([*HI, piece(index=0, id="a1", function=function("weather", WEATHER)), *CALLED], HELLO + CALL),
    "text behind": Habit([piece(index=0, id="a1", function=function("weather", WEATHER)), *HI, *CALLED], CALL + HELLO),
    "text within": Habit(
        [
            piece(index=0, id="a1", function=function("weather", '{"city"')),
            *HI,
            piece(index=0, function=function(arguments=':"Oslo"}')),
            *CALLED,
        ],
        CALL + HELLO,
    ),
    "blank text behind": Habit(
        [piece(index=0, id="a1", function=function("weather", WEATHER)), chunk({"content": "\n"}), *CALLED], CALL
    ),
    "empty text beside": Habit(
        [
            chunk({"content": "", "tool_calls": [{"index": 0, "id": "a1", "function": function("weather", WEATHER)}]}),
            *CALLED,
        ],
        CALL,
    ),
    "thought between": Habit(
        [
            piece(index=0, id="a1", function=function("weather", WEATHER)),
            chunk({"reasoning_content": "Hm"}),
            piece(index=1, id="a2", function=function("time", "{}")),
            *CALLED,
        ],
        [CALLS[0], ("thought", "Hm"), CALLS[1]],
        usage=(9, 4, 0, 0, True),
    ),
    "cut within": Habit(
        [piece(index=0, id="a1", function=function("weather", '{"ci')), chunk(finish="length"), LAST, "[DONE]"],
        [("call", "weather", '{"ci', "a1")],
        stop="length",
    ),
    "a native free-form call": Habit(
        [
            piece(index=0, id="a1", type="custom", custom={"name": "crm__sql", "input": ""}),
            piece(index=0, custom={"input": "SELECT 1"}),
            *CALLED,
        ],
        [("custom", "sql", "SELECT 1", "a1")],
    ),
}
"""Answers in calls."""

HABITS = TEXT | {f"call: {name}": habit for name, habit in TOOLS.items()}
