"""Random models: sequences of deltas, legal by core/deltas.py, for the properties of DESIGN §3.

Knows nothing of events: what the deltas become is the emitter's affair.
"""

from itertools import count
from typing import Any

from hypothesis import strategies as st

from antiphon.core import deltas as d
from antiphon.core.emitter import (
    Cancelled,
    Completed,
    Emitter,
    Failed,
    Incomplete,
    Outcome,
    Read,
)
from antiphon.core.events import Event
from antiphon.core.items import (
    Compaction,
    FunctionCallOutput,
    InputText,
    Logprob,
    Passed,
    TopLogprob,
)
from antiphon.core.request import (
    CustomTool,
    FunctionTool,
    NamedChoice,
    PassedTool,
    ReasoningOptions,
)
from antiphon.core.response import Response

TEXT = st.text(max_size=12) | st.sampled_from(
    [
        "",
        " ",
        "a\u2028b",
        "\u2029",
        "\x85",
        "\r\n",
        "\x00",
        "🦆",
        '"\\',
        "data: [DONE]\n\n",
    ]
)
NUMBER = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBER | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)

_probability = st.floats(-50, 0)
_bytes = st.lists(st.integers(0, 255), max_size=4)
_logprobs = st.lists(
    st.builds(
        Logprob,
        TEXT,
        _probability,
        _bytes,
        st.lists(st.builds(TopLogprob, TEXT, _probability, _bytes), max_size=2),
    ),
    max_size=2,
)
_name = st.from_regex(r"[a-zA-Z0-9_-]{1,12}", fullmatch=True)
_optional: dict[str, Any] = {"namespace": _name, "call_id": _name}

_texts = st.lists(st.builds(d.TextDelta, TEXT, st.none() | _logprobs), min_size=1, max_size=4)
_refusals = st.lists(st.builds(d.RefusalDelta, TEXT), min_size=1, max_size=3)
_thoughts = st.lists(st.builds(d.ReasoningDelta, TEXT), min_size=1, max_size=3)
_summaries = st.lists(st.builds(d.SummaryDelta, TEXT, st.booleans()), min_size=1, max_size=3)
_seals = st.lists(
    st.builds(d.ReasoningSealed, st.text(min_size=1, max_size=8)),
    min_size=1,
    max_size=2,
)
_annotations = st.lists(st.builds(d.AnnotationDelta, JSON), min_size=1, max_size=2)


@st.composite
def _calls(draw: st.DrawFn) -> list[d.Delta]:
    given = {key: draw(value) for key, value in _optional.items() if draw(st.booleans())}
    begun = d.CallBegun(draw(_name), **given)
    return [begun, *draw(st.lists(st.builds(d.CallDelta, TEXT), max_size=3))]


@st.composite
def _customs(draw: st.DrawFn) -> list[d.Delta]:
    given = {key: draw(value) for key, value in _optional.items() if draw(st.booleans())}
    begun = d.CustomBegun(draw(_name), **given)
    return [begun, *draw(st.lists(st.builds(d.CustomDelta, TEXT), max_size=3))]


_passed = st.builds(
    lambda kind, extra: Passed({"type": kind, "status": "completed"} | extra),
    st.sampled_from(["web_search_call", "mcp_list_tools", "program", "acme:tool_call"]),
    st.dictionaries(st.sampled_from(["results", "content", "tools", "arguments"]), JSON, max_size=2),
)
ITEMS = (
    st.builds(Compaction, encrypted_content=TEXT)
    | st.builds(
        FunctionCallOutput,
        call_id=_name,
        output=TEXT | st.lists(st.builds(InputText, TEXT), max_size=2),
    )
    | _passed
)
_whole = st.lists(st.builds(d.ItemDelta, ITEMS), min_size=1, max_size=2)
_tokens = st.integers(0, 10_000)
_counts = st.lists(
    st.builds(
        lambda i, o, c, r: d.UsageDelta(i + c, o + r, c, r),
        _tokens,
        _tokens,
        _tokens,
        _tokens,
    ),
    min_size=1,
    max_size=2,
)
_messages = st.just([d.MessageBegun()]) | st.just([d.MessageBegun("commentary"), d.TextDelta("a")])
_stops = st.just([d.Stop("length")])

DELTAS: st.SearchStrategy[list[d.Delta]] = st.lists(
    _texts
    | _messages
    | _refusals
    | _thoughts
    | _summaries
    | _seals
    | _annotations
    | _calls()
    | _customs()
    | _whole
    | _counts
    | _stops,
    max_size=7,
).map(lambda runs: [delta for run in runs for delta in run])
"""What a model may say: runs of deltas of one kind, a call's pieces behind its beginning."""

OUTCOMES: st.SearchStrategy[Outcome] = (
    st.sampled_from([Completed(), Read()])
    | st.builds(Incomplete, st.sampled_from(["max_output_tokens", "content_filter"]))
    | st.builds(Failed, st.just("server_error"), st.text(min_size=1, max_size=12))
    | st.just(Cancelled())
)

RESPONSES: st.SearchStrategy[Response] = st.builds(
    Response,
    id=st.just("resp_1"),
    created_at=st.just(1_800_000_000),
    model=st.just("scripted"),
    status=st.sampled_from(["in_progress", "queued"]),
    instructions=st.none() | TEXT,
    metadata=st.dictionaries(TEXT, TEXT, max_size=2),
    reasoning=st.builds(
        ReasoningOptions,
        effort=st.sampled_from([None, "low"]),
        summary=st.sampled_from([None, "auto"]),
    ),
    tools=st.lists(
        st.builds(
            FunctionTool,
            name=_name,
            parameters=st.none() | st.dictionaries(TEXT, JSON, max_size=2),
        )
        | st.builds(CustomTool, name=_name, format=JSON.filter(lambda value: value is not None))
        | st.builds(
            lambda extra: PassedTool({"type": "web_search"} | extra),
            st.dictionaries(st.just("filters"), JSON),
        ),
        max_size=2,
    ),
    tool_choice=st.sampled_from(["auto", "none", "required"])
    | st.builds(NamedChoice, type=st.just("function"), name=_name),
)


def emitter_of(response: Response) -> Emitter:
    """An emitter whose ids count up and whose clock stands at two seconds after creation."""
    numbers = count()
    return Emitter(
        response,
        new_id=lambda prefix: f"{prefix}_{next(numbers)}",
        now=lambda: response.created_at + 2,
    )


def play(response: Response, deltas: list[d.Delta], outcome: Outcome) -> list[Event]:
    """The whole log of a run that said `deltas` and ended so."""
    emitter = emitter_of(response)
    return [*emitter.start(), *emitter.proceed(), *emitter.proceed(), *emitter.feed(deltas), *emitter.finish(outcome)]


@st.composite
def logs(draw: st.DrawFn) -> list[Event]:
    """The log of a random run."""
    return play(draw(RESPONSES), draw(DELTAS), draw(OUTCOMES))
