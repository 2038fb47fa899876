"""Compacting: a conversation that grows too long for its threshold is summed up by the model itself (protocol §8.5).

Knows nothing of how a prompt is rendered, nor of who reads the answer: it gives the compaction, and what it took.
"""

from contextlib import aclosing
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from antiphon.core import compaction as c
from antiphon.core import deltas as d
from antiphon.core import estimates
from antiphon.core.items import Compaction, Item, Passed
from antiphon.core.ports import Models, Sealer
from antiphon.core.problems import Problem
from antiphon.core.prompt import Prompt, render
from antiphon.core.request import ReasoningOptions, Request, Text, TextFormat
from antiphon.core.wire import pack

UNKNOWN = 100_000
"""Tokens at which a conversation is compacted where neither the request nor the model says a number."""
LARGEST = 7 * 1024 * 1024
"""Bytes of what one compaction holds: a blob has an end (`access.sealing`)."""
SHORTEST = 256
"""Tokens that a summary may have at least."""


class Past(NamedTuple):
    """What came before, from the latest compaction on: that one opened, the items behind it from the store, and how
    many of the request's own items stand before it."""

    head: c.Compacted | None
    before: list[Item]
    skipped: int = 0


class Made(NamedTuple):
    """A compaction that was made: its item, what it holds, and what the model took to write it."""

    item: Compaction
    compacted: c.Compacted
    usage: list[d.UsageDelta]


class Compacting:
    """Opens compactions, and makes them."""

    def __init__(self, models: Models, sealer: Sealer, max_output_tokens: int) -> None:
        self._models = models
        self._sealer = sealer
        self._max_output_tokens = max_output_tokens

    def past(self, project: str, before: list[Item], own: list[Item]) -> Past:
        """What of the items a model is to see, and the compaction that stands at its head.

        Raises `Problem` 400 `invalid_encrypted_content` for one of the request's own that does not open. One from
        the store may be older than the secret: then what stands before it counts, which the store has as well.
        """
        place = c.latest(own)
        if place is not None:
            return Past(self._open(project, own[place], f"input[{place}].encrypted_content"), [], place + 1)
        place = c.latest(before)
        while place is not None:
            try:
                return Past(self._open(project, before[place], ""), without(before[place + 1 :]))
            except Problem:
                place = c.latest(before[:place])
        return Past(None, without(before))

    def check(self, project: str, items: list[Item], place: str) -> None:
        """See that every compaction opens, and that none is asked for. Raises `Problem` 400."""
        for number, item in enumerate(items):
            if isinstance(item, Passed) and item.type == c.TRIGGER:
                message = f"'{c.TRIGGER}' asks a request for something; it is no item of a conversation."
                raise Problem(400, "invalid_value", message, param=f"{place}[{number}].type")
            if isinstance(item, Compaction):
                self._open(project, item, f"{place}[{number}].encrypted_content")

    async def due(self, request: Request, prompt: Prompt) -> bool:
        """Whether the prompt has reached the request's threshold, or is to be compacted whatever its length."""
        if request.compacts is not None:
            return True
        if not request.context_management:
            return False
        return (await self._models.get(prompt.model).count(prompt)).tokens >= self.threshold(request)

    def threshold(self, request: Request) -> int:
        """The tokens from which on a prompt is compacted: what was asked, but never more than leave room to answer."""
        context = self._context(request.model)
        asked = [rule.compact_threshold for rule in request.context_management if rule.compact_threshold is not None]
        most = context - min(self._max_output_tokens, context // 4) if context else UNKNOWN
        return min(asked[0], most) if asked and context else asked[0] if asked else most

    async def make(self, request: Request, project: str, matter: c.Matter) -> Made | None:
        """The compaction of what came before; None where nothing would become shorter. Raises `Problem` as a turn."""
        threshold = self.threshold(request)
        split = await self._split(request, matter, threshold // 2)
        too_large = _size([*split.kept, *split.tail]) > LARGEST
        if request.compacts is None and (too_large or not split.gone):
            return None
        if too_large:
            message = f"What the developer said has more than {LARGEST} bytes, the most that a compaction holds."
            raise Problem(413, "request_too_large", message, param="input")
        usage: list[d.UsageDelta] = []
        summary = matter.summary
        if split.gone:
            past = matter.items[: len(matter.items) - len(split.tail)]
            summary = await self._summary(request, c.Matter(past, summary), self._bound(request, threshold), usage)
        compacted = c.Compacted(model=request.model, kept=split.kept, summary=summary, tail=split.tail)
        blob = self._sealer.seal(project, c.KIND, c.packed(compacted))
        return Made(Compaction(encrypted_content=blob), compacted, usage)

    def _open(self, project: str, item: Item, param: str) -> c.Compacted:
        assert isinstance(item, Compaction)
        data = self._sealer.open(project, c.KIND, item.encrypted_content, param=param)
        try:
            return c.unpacked(data)
        except msgspec.DecodeError:
            message = f"The encrypted content in '{param}' was sealed by another version of this server."
            raise Problem(400, "invalid_encrypted_content", message, param=param) from None

    async def _split(self, request: Request, matter: c.Matter, half: int) -> c.Split:
        """The newest messages of the user stay, as many as fit in `half` tokens; so does the turn that is going on,
        or of one that is longer itself the question alone."""
        items = matter.items
        held = len(items) if request.compacts is not None else c.question(items)
        tail = held
        left = half - (await self._tokens(request, items[held:]))
        if left < 0 and held < len(items) - 1:
            tail = len(items)
            left = half - (await self._tokens(request, items[held : held + 1]))
        users = [item for item in items[:held] if c.is_users(item)]
        bare = c.split(items, len(users), held, tail)
        low, high = _beyond(users, LARGEST - _size([*bare.kept, *bare.tail])), len(users)
        while low < high:
            middle = (low + high) // 2
            if await self._tokens(request, users[middle:]) <= left:
                high = middle
            else:
                low = middle + 1
        return c.split(items, low, held, tail)

    async def _tokens(self, request: Request, items: list[Item]) -> int:
        if not items:
            return 0
        return (await self._models.get(request.model).count(_prompt(request, items, 1))).tokens

    async def _summary(self, request: Request, matter: c.Matter, bound: int, usage: list[d.UsageDelta]) -> str:
        """The summary of all that came before. An earlier one stays word by word as long as it takes at most half of
        what a summary may have: what is summed up again and again is lost bit by bit."""
        taken = await self._tokens(request, [c.told(matter.summary)]) if matter.summary else bound
        if taken > bound // 2:
            return await self._summed_up(request, c.transcript(*matter), bound, usage)
        later = await self._summed_up(request, c.transcript(matter.items), bound - taken, usage)
        return f"{matter.summary}\n{later}".rstrip()

    def _bound(self, request: Request, threshold: int) -> int:
        """The tokens that a summary may have."""
        context = self._context(request.model)
        bound = min(max(SHORTEST, threshold // 4), self._max_output_tokens)
        return min(bound, max(1, context // 4)) if context else bound

    async def _summed_up(self, request: Request, text: str, bound: int, usage: list[d.UsageDelta]) -> str:
        """The summary of a text: of one that is too long for the model, piece by piece, each with the summary of
        those before it."""
        context = self._context(request.model)
        room = context - bound if context else None
        while True:
            piece, rest = text, ""
            if room is not None and await self._tokens(request, c.asking(text)) >= room:
                piece, rest = await self._cut(request, text, room)
            summary = await self._said(_prompt(request, c.asking(piece), bound), usage)
            if not rest:
                return summary
            again = c.headed("summary of what came before", summary) + "\n\n" + rest
            if len(again) >= len(text):  # it does not become shorter: what is left is cut off
                return summary
            text = again

    async def _cut(self, request: Request, text: str, room: int) -> tuple[str, str]:
        """The longest beginning of a text that leaves the model room, to the end of a line where there is one."""
        low, high = 1, len(text)
        while high - low > len(text) // 256:
            middle = (low + high) // 2
            if await self._tokens(request, c.asking(text[:middle])) < room:
                low = middle
            else:
                high = middle
        line = text.rfind("\n", low // 2, low)
        low = line + 1 if line > 0 else low
        return text[:low], text[low:]

    async def _said(self, prompt: Prompt, usage: list[d.UsageDelta]) -> str:
        """What the model says to a prompt; what it took is added to `usage`."""
        model = self._models.get(prompt.model)
        turn: Any = await model.open(prompt)
        text: list[str] = []
        told = len(usage)
        async with aclosing(turn) as batches:
            async for deltas in batches:
                text += [delta.text for delta in deltas if isinstance(delta, d.TextDelta)]
                usage += [delta for delta in deltas if isinstance(delta, d.UsageDelta)]
        if len(usage) == told:
            written = estimates.tokens(sum(map(len, text)))
            usage.append(d.UsageDelta(estimates.of_items(prompt.items), written, estimated=True))
        return "".join(text).strip()

    def _context(self, model: str) -> int:
        return self._models.info(model).context


def _size(items: list[Item]) -> int:
    """The bytes of some items."""
    return sum(len(pack(item)) for item in items)


def _beyond(users: list[Item], room: int) -> int:
    """How many of the oldest messages have to go, so that the others have at most `room` bytes."""
    for place in range(len(users) - 1, -1, -1):
        room -= len(pack(users[place]))
        if room < 0:
            return place + 1
    return 0


def without(items: list[Item]) -> list[Item]:
    """The items that are no compactions."""
    return [item for item in items if not isinstance(item, Compaction)]


def _prompt(request: Request, items: list[Item], bound: int) -> Prompt:
    """A prompt of its own beside the request's: no tools, no form, and nobody waits for its words."""
    bare = replace(
        request,
        instructions=None,
        tools=[],
        tool_choice="auto",
        include=[],
        text=Text(format=TextFormat()),
        reasoning=ReasoningOptions(effort=request.reasoning.effort),
        stream=False,
        background=False,
        max_output_tokens=None,
        max_tool_calls=None,
    )
    return render(bare, items, max_output_tokens=bound)
