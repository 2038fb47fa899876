"""Deltas: the few words that a model speaks (DESIGN §1).

Knows nothing of events: the emitter turns deltas into them.

A model gives deltas in the order in which they stand in the answer. A delta of
another kind than the one before closes what was open; the adapter of an upstream
that interleaves has to put them in order first.
"""

from msgspec import UNSET, Struct, UnsetType

from antiphon.core.items import JSON, Item, Logprob


class TextDelta(Struct, gc=False):
    """Text of the answer."""

    text: str
    logprobs: list[Logprob] | None = None


class MessageBegun(Struct, gc=False):
    """A further message opens: text that follows does not belong to the one before. `phase` is the item's."""

    phase: str | UnsetType = UNSET


class RefusalDelta(Struct, gc=False):
    """Text of a refusal."""

    text: str


class ReasoningDelta(Struct, gc=False):
    """Raw thought."""

    text: str


class SummaryDelta(Struct, gc=False):
    """Readable summary of thought. `begins` opens a further summary part."""

    text: str
    begins: bool = False


class CallBegun(Struct, gc=False):
    """A function call opens; its arguments follow as `CallDelta`."""

    name: str
    call_id: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET


class CallDelta(Struct, gc=False):
    """A piece of the JSON text of the open function call's arguments."""

    text: str


class CustomBegun(Struct, gc=False):
    """A call of a free-form tool opens; its input follows as `CustomDelta`."""

    name: str
    call_id: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET


class CustomDelta(Struct, gc=False):
    """A piece of the text of the open free-form call's input."""

    text: str


class ReasoningSealed(Struct, gc=False):
    """The encrypted form of the reasoning item that is open; it ends that item."""

    encrypted_content: str


class ItemDelta(Struct):
    """A whole item, nothing of it streamed."""

    item: Item


class AnnotationDelta(Struct):
    """A citation in the text that is open."""

    annotation: JSON


class UsageDelta(Struct, gc=False):
    """Tokens of this turn of the model, counted by its own tokenizer unless `estimated`."""

    input_tokens: int
    output_tokens: int
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


class Stop(Struct, gc=False):
    """Why the model stopped: `stop`, `length` (a limit cut it) or `content_filter`."""

    reason: str = "stop"


Delta = (
    TextDelta
    | MessageBegun
    | RefusalDelta
    | ReasoningDelta
    | SummaryDelta
    | CallBegun
    | CallDelta
    | CustomBegun
    | CustomDelta
    | ReasoningSealed
    | ItemDelta
    | AnnotationDelta
    | UsageDelta
    | Stop
)
