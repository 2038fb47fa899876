"""The habits of Responses upstreams: the events that they send, the response at their end, and what is to come of it.

Knows nothing of the code that reads them. What comes of it stands as in `chat_habits`; any other item as its type.
"""

from typing import Any, NamedTuple

from tests.upstreams.speech import HELLO, MESSAGE, SAID, USAGE, message, response

JSON = Any
WEATHER = '{"city":"Oslo"}'


class Habit(NamedTuple):
    """Events before the last one, the response at the end, what is told, and the status that it comes to."""

    events: list[JSON]
    response: JSON
    told: list[tuple[str, ...]]
    status: str = "completed"


def added(place: int | None, item: JSON) -> JSON:
    where = {} if place is None else {"output_index": place}
    return {"type": "response.output_item.added", **where, "item": item}


def done(place: int | None, item: JSON) -> JSON:
    return added(place, item) | {"type": "response.output_item.done"}


def delta(kind: str, text: str, **place: JSON) -> JSON:
    return {"type": f"response.{kind}.delta", "delta": text, **place}


CALL = {
    "type": "function_call",
    "id": "fc_1",
    "call_id": "a1",
    "name": "weather",
    "arguments": WEATHER,
    "status": "completed",
}
SQL = {
    "type": "custom_tool_call",
    "id": "ctc_1",
    "call_id": "a2",
    "name": "sql",
    "namespace": "crm",
    "input": "SELECT 1",
}
THOUGHT = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm"}]}
SUMMED = {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "In short"}]}
SEARCH = {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"type": "search", "query": "q"}}
REFUSED = MESSAGE | {"content": [{"type": "refusal", "refusal": "No."}]}
SAYS = [("text", HELLO)]
CALLS = [("call", "weather", WEATHER, "a1")]
BARE = MESSAGE | {"content": []}

HABITS = {
    "by the book": Habit(
        [
            {"type": "response.created", "response": response(status="in_progress")},
            {"type": "response.in_progress", "response": response(status="in_progress")},
            added(0, BARE),
            {
                "type": "response.content_part.added",
                "output_index": 0,
                "item_id": "msg_1",
                "part": {"type": "output_text"},
            },
            *SAID,
            {"type": "response.output_text.done", "output_index": 0, "item_id": "msg_1", "text": HELLO},
            done(0, message(HELLO)),
        ],
        response(message(HELLO)),
        SAYS,
    ),
    "no indexes": Habit(
        [added(None, BARE), delta("output_text", HELLO, item_id="msg_1"), done(None, message(HELLO))],
        response(message(HELLO)),
        SAYS,
    ),
    "another id in each event": Habit(
        [added(None, BARE), delta("output_text", HELLO, item_id="2"), done(None, message(HELLO, id="3"))],
        response(message(HELLO)),
        SAYS,
    ),
    "only deltas": Habit([delta("output_text", HELLO)], response(message(HELLO)), SAYS),
    "only whole items": Habit([done(0, message(HELLO))], response(message(HELLO)), SAYS),
    "only the end": Habit([], response(message(HELLO)), SAYS),
    "no output in the end": Habit([done(0, message(HELLO))], response(message(HELLO)), SAYS),
    "events of its own": Habit(
        [{"type": "keepalive"}, {"type": "response.vendor.thing", "x": 1}, *SAID], response(message(HELLO)), SAYS
    ),
    "interleaved": Habit(
        [
            added(0, BARE),
            added(1, CALL | {"arguments": ""}),
            delta("output_text", "Hel", output_index=0),
            delta("function_call_arguments", WEATHER, output_index=1),
            delta("output_text", "lo", output_index=0),
            done(1, CALL),
            done(0, message(HELLO)),
        ],
        response(message(HELLO), CALL),
        SAYS + CALLS,
    ),
    "arguments as an object": Habit(
        [done(0, CALL | {"arguments": {"city": "Oslo"}})], response(CALL | {"arguments": {"city": "Oslo"}}), CALLS
    ),
    "a call id of the history": Habit(
        [done(0, CALL | {"call_id": "old"})], response(CALL | {"call_id": "old"}), [("call", "weather", WEATHER, "")]
    ),
    "one call id for two": Habit(
        [done(0, CALL), done(1, CALL | {"id": "fc_2", "name": "time", "arguments": "{}"})],
        response(CALL, CALL | {"id": "fc_2", "name": "time", "arguments": "{}"}),
        [*CALLS, ("call", "time", "{}", "")],
    ),
    "free-form calls": Habit(
        [
            added(0, SQL | {"input": ""}),
            delta("custom_tool_call_input", "SELECT 1", output_index=0),
            done(0, SQL),
        ],
        response(SQL),
        [("custom", "sql", "SELECT 1", "a2")],
    ),
    "raw thought": Habit(
        [
            added(0, THOUGHT | {"content": []}),
            delta("reasoning_text", "Hm", output_index=0),
            done(0, THOUGHT),
            done(1, message(HELLO)),
        ],
        response(THOUGHT, message(HELLO)),
        [("thought", "Hm"), *SAYS],
    ),
    "raw thought under its other name": Habit(
        [delta("reasoning", "Hm"), done(1, message(HELLO))],
        response(THOUGHT, message(HELLO)),
        [("thought", "Hm"), *SAYS],
    ),
    "a summary": Habit(
        [
            added(0, SUMMED | {"summary": []}),
            delta("reasoning_summary_text", "In short", output_index=0, summary_index=0),
            done(0, SUMMED),
            done(1, message(HELLO)),
        ],
        response(SUMMED, message(HELLO)),
        [("summary", "In short"), *SAYS],
    ),
    "a hosted tool": Habit(
        [added(0, SEARCH | {"status": "in_progress"}), done(0, SEARCH), done(1, message(HELLO))],
        response(SEARCH, message(HELLO)),
        [("item", "web_search_call"), *SAYS],
    ),
    "two messages": Habit(
        [done(0, message("One", phase="commentary")), done(1, message("Two", id="msg_2"))],
        response(message("One", phase="commentary"), message("Two", id="msg_2")),
        [("text", "One"), ("text", "Two")],
    ),
    "a refusal": Habit([delta("refusal", "No.")], response(REFUSED), [("refusal", "No.")]),
    "cut": Habit(
        [*SAID],
        response(message(HELLO), status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        SAYS,
        "incomplete",
    ),
    "filtered": Habit(
        [*SAID],
        response(message(HELLO), status="incomplete", incomplete_details={"reason": "content_filter"}),
        SAYS,
        "incomplete",
    ),
    "no usage": Habit([*SAID], response(message(HELLO), usage=None), SAYS),
    "usage without details": Habit([*SAID], response(message(HELLO), usage=USAGE), SAYS),
}
