"""Prompting: what a model is to see of a request, fetched, opened and, where it may be, shortened.

Knows nothing of what the model answers, nor of where anything is kept.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

from msgspec.structs import replace

from antiphon.core import compaction, deltas
from antiphon.core.configuration import configure
from antiphon.core.items import Item, Message
from antiphon.core.ports import Attachments, Claim, Models, Sealer, Store, Turn
from antiphon.core.problems import Problem
from antiphon.core.prompt import Count, Prompt, render
from antiphon.core.reasoning import INCLUDE, KIND, Sealing, Wrapping, opened, remembered
from antiphon.core.request import Request
from antiphon.core.truncation import droppable, without
from antiphon.runs import asked, context
from antiphon.runs.compacting import Compacting, Made, Past
from antiphon.runs.run import Run
from antiphon.runs.voice import Voice

_NOTHING = Message(role="user")
"""Stands in the place of an item that is not seen."""


class Prompting:
    """Makes prompts. `max_output_tokens` is the server's own bound on what one response may generate."""

    def __init__(
        self, models: Models, store: Store, sealer: Sealer, attachments: Attachments, max_output_tokens: int
    ) -> None:
        self._models = models
        self._store = store
        self._sealer = sealer
        self._attachments = attachments
        self._max_output_tokens = max_output_tokens
        self.compacting = Compacting(models, sealer, max_output_tokens)

    async def gather(self, run: Run) -> None:
        """Fetch and check what a request points to. Raises `Problem` for what is not there, or not legal."""
        request, project = run.request, run.project
        before = await context.history(self._store, project, request) if run.local is None else run.local
        request.input = await context.resolve(self._store, project, request, run.local)
        context.check(request, before)
        if request.store:
            request.input = context.with_ids(request.input)
        run.before = before
        await self._see(run, before)

    async def gather_again(self, run: Run) -> None:
        """The same for a run that another process began: what it was made from stays, whatever went since."""
        request = run.request
        before = await context.before(self._store, run.project, run.id, len(request.input))
        await self._see(run, before)

    async def open(self, run: Run) -> Turn:
        """The model's turn. What came before is compacted first where that is due; the item stands at its head."""
        made = None
        if run.matter is not None and await self.compacting.due(run.request, run.gathered):
            made = await self.compacting.make(run.request, run.project, run.matter)
        if made is None:
            return await self._open(run)
        past = Past(made.compacted, [], len(run.request.input))
        seen = await self._seen(run.request, run.project, past)
        run.prompt = render(run.request, seen, max_output_tokens=self._max_output_tokens)
        return self._compacted(run, made)

    async def _compacted(self, run: Run, made: Made) -> AsyncIterator[Sequence[deltas.Delta]]:
        window = made.compacted.kept if run.request.compacts == "window" else []
        items: list[Item] = [*filter(compaction.is_users, window), made.item]
        yield [*map(deltas.ItemDelta, items), *made.usage]
        if run.request.compacts is None:
            turn: Any = await self._open(run)
            async with aclosing(turn) as batches:
                async for batch in batches:
                    yield batch

    async def _open(self, run: Run) -> Turn:
        """The model's turn; a prompt that is too long is shortened where the request allows it."""
        prompt = run.gathered
        model = self._models.get(prompt.model)
        try:
            return await model.open(prompt)
        except Problem as problem:
            size = next((info.context for info in self._models.list() if info.id == prompt.model), 0)
            if problem.code != "context_length_exceeded" or run.request.truncation != "auto" or not size:
                raise
        return await model.open(await self._shortened(prompt, size))

    def kept(self, run: Run) -> bytes:
        """What was asked, for whoever may have to do the run again. Raises `Problem` 413."""
        return asked.kept(run.request, run.project, self._sealer)

    def recalled(self, claim: Claim) -> Request:
        """What was asked for a run that another process left. Raises `Problem` where it can't be read any more."""
        return asked.recalled(claim, self._sealer)

    def voice(self, run: Run) -> Voice:
        """What the model's words pass through on their way to the emitter."""
        request = run.request

        def seal(plaintext: bytes) -> str:
            return self._sealer.seal(run.project, KIND, plaintext)

        sealing = Sealing(seal) if INCLUDE in request.include else Wrapping(seal)
        return Voice(run.gathered.offers, None if request.parallel_tool_calls else 1, sealing)

    async def count(self, request: Request, project: str) -> Count:
        """The tokens of what the model would see. Nothing is run. Raises `Problem` as a run would."""
        before = await context.history(self._store, project, request)
        request.input = await context.resolve(self._store, project, request)
        past = self.compacting.past(project, before, request.input)
        self._configure(request, past)
        seen = await self._seen(request, project, past)
        prompt = render(request, seen, max_output_tokens=self._max_output_tokens)
        return await self._models.get(request.model).count(prompt)

    async def _see(self, run: Run, before: list[Item]) -> None:
        """Make the prompt of a run. What an earlier attempt has compacted is not seen again."""
        request, project = run.request, run.project
        said = run.emitter.said() if run.begun else []
        place = compaction.latest(said)
        if place is None:
            past = self.compacting.past(project, before, request.input)
            if self._configure(request, past) and not run.begun:
                run.restate()
            if (request.context_management and request.generate) or request.compacts:
                run.matter = compaction.matter(past.head, [*past.before, *request.input[past.skipped :]])
        else:
            past = self.compacting.past(project, [*before, *request.input, said[place]], [])
            past, said = past._replace(skipped=len(request.input)), said[place + 1 :]
        seen = await self._seen(request, project, past)
        run.prompt = render(request, seen, max_output_tokens=self._max_output_tokens, said=said)

    def _configure(self, request: Request, past: Past) -> bool:
        """Have the settings count that came before; whether that changed the request. Raises `Problem` 400 where the
        model can't do what was set."""
        head = [] if past.head is None else compaction.shown(past.head)
        if not configure(request, [*head, *past.before, *request.input[past.skipped :]]):
            return False
        ignored = self._models.get(request.model).check(request)
        request.ignored += [name for name in ignored if name not in request.ignored]
        return True

    async def _seen(self, request: Request, project: str, past: Past) -> list[Item]:
        """The items as the model is to see them: thoughts opened, files as text, pictures at hand."""
        attachments, sees = self._attachments, self._models.get(request.model).sees

        def unseal(text: str, param: str) -> bytes:
            return self._sealer.open(project, KIND, text, param=param)

        origin = "conversation" if request.conversation is not None else "previous_response_id"
        before = past.before if past.head is None else [*compaction.shown(past.head), *past.before]
        own = request.input
        if past.skipped:  # what follows keeps its place, by which a fault in it is told
            own = [_NOTHING] * past.skipped + own[past.skipped :]
        found: list[Item] = []
        for items, place, skipped in (
            (remembered(before, unseal), origin, 0),
            (opened(own, unseal), "input", past.skipped),
        ):
            if items:
                texts = await attachments.files_as_text(items, place)
                shown = await attachments.pictures_at_hand(texts, place) if sees else texts
                found += shown[skipped:]
        return found

    async def _shortened(self, prompt: Prompt, size: int) -> Prompt:
        """The prompt with as few of its oldest items dropped as will do for a context of that size (protocol §8.4)."""
        model = self._models.get(prompt.model)
        bound = size - min(prompt.sampling.max_output_tokens, size // 4)
        groups = droppable(prompt.items)
        low, high = 0, len(groups)
        while low < high:
            middle = (low + high) // 2
            shorter = replace(prompt, items=without(prompt.items, groups[:middle]))
            if (await model.count(shorter)).tokens <= bound:
                high = middle
            else:
                low = middle + 1
        return replace(prompt, items=without(prompt.items, groups[:low]))
