"""Limiter: requests, tokens and runs, counted in memory (protocol §6.3).

Knows nothing of who is limited, nor of what a token is.

A window is cut into sixty pieces, a day's into 1440, and each piece counts whole until its end has left the window.
So no span of a minute, or of a day, ever has more than allowed, wherever it begins; and who is refused is told to
wait at most a piece longer than a clock without pieces would say.
"""

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from antiphon.core.accounts import Limits, Quota, Standing
from antiphon.core.problems import Problem

MINUTE, MINUTE_PIECE = 60.0, 1.0
DAY, DAY_PIECE = 86_400.0, 60.0
SWEEP = 60.0
"""Seconds between two looks for subjects of which nothing counts any more."""
BUSY = 1.0
"""Seconds to wait where too many run: when one of them will end is not known."""
_MANY = 2**62
"""What is left where nothing limits."""


class _Piece:
    """What one piece of a window counts, `until` it has left the window; 0 afterwards."""

    __slots__ = ("count", "until")

    def __init__(self, until: float, count: int) -> None:
        self.until = until
        self.count = count


class _Window:
    """What was taken lately, as it stood when its subject was last brought `up_to` a time."""

    __slots__ = ("pieces", "total")

    def __init__(self) -> None:
        self.pieces: deque[_Piece] = deque()
        self.total = 0

    def drop(self, now: float) -> None:
        """Count no longer what has left."""
        pieces = self.pieces
        while pieces and pieces[0].until <= now:
            piece = pieces.popleft()
            piece.until = 0.0
            self.total -= piece.count

    def add(self, until: float, count: int) -> _Piece:
        """Count something until then."""
        self.total += count
        pieces = self.pieces
        if pieces:
            last = pieces[-1]
            if last.until == until:
                last.count += count
                return last
        piece = _Piece(until, count)
        pieces.append(piece)
        return piece

    def undo(self, count: int) -> None:
        """Count no longer what was added last."""
        self.pieces[-1].count -= count
        self.total -= count

    def take_back(self, piece: _Piece, count: int) -> None:
        """Count less in a piece, unless it counts no more."""
        if piece.until:
            piece.count -= count
            self.total -= count

    def wait(self, excess: int, now: float) -> float:
        """Seconds until that much no longer counts."""
        for piece in self.pieces:
            excess -= piece.count
            if excess <= 0:
                return piece.until - now
        return 0.0

    def reset(self, now: float) -> float:
        """Seconds until nothing counts."""
        for piece in reversed(self.pieces):
            if piece.count:
                return piece.until - now
        return 0.0


class _Subject:
    """The windows of one subject, and how many runs it has now."""

    __slots__ = ("day", "looked", "minute", "running", "tokens")

    def __init__(self) -> None:
        self.minute = _Window()
        self.day = _Window()
        self.tokens = _Window()
        self.running = 0
        self.looked = 0.0

    def up_to(self, now: float) -> None:
        """Count what counts now. Needed once `looked` is reached: until then no piece leaves a window."""
        self.looked = (now // MINUTE_PIECE + 1) * MINUTE_PIECE
        self.minute.drop(now)
        self.day.drop(now)
        self.tokens.drop(now)

    def undo(self, limits: Limits, tokens: int) -> None:
        """The request that was counted last was none."""
        self.running -= 1
        if limits.requests_per_minute is not None:
            self.minute.undo(1)
        if limits.requests_per_day is not None:
            self.day.undo(1)
        if limits.tokens_per_minute is not None:
            self.tokens.undo(tokens)

    def idle(self, now: float) -> bool:
        """Whether nothing counts any more."""
        self.up_to(now)
        return not (self.running or self.minute.total or self.day.total or self.tokens.total)


_Found = tuple[Limits, _Subject]
_Place = tuple[_Subject, _Piece | None]
_Bound = tuple[int, _Window]
_UNBOUND = None, None, None


class _Taken(NamedTuple):
    """What a ticket holds: tokens reserved, and by subject the piece that counts them."""

    tokens: int
    places: list[_Place]


class _Lack(NamedTuple):
    """A limit that a request would go beyond. `wait` is seconds, None for one that alone is too large."""

    wait: float | None
    message: str


class MemoryLimiter:
    """Satisfies the `Limiter` port. `clock` gives seconds that never go back."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._subjects: dict[str, _Subject] = {}
        self._tickets: dict[str, _Taken] = {}
        self._sweep_at = clock() + SWEEP

    def __len__(self) -> int:
        """How many subjects are remembered."""
        return len(self._subjects)

    async def take(self, ticket: str, quotas: Sequence[Quota], tokens: int) -> Standing:
        """Take a request, `tokens` and a place among the runs from every quota, or from none; how they stand then.

        Raises `Problem` 429 `rate_limit_exceeded`.
        """
        now = self._clock()
        if now >= self._sweep_at:
            self._sweep(now)
        places: list[_Place] = []
        standing = self._count(quotas, tokens, now, places)
        if standing is None:
            for (subject, _), quota in zip(places, quotas, strict=False):  # those before the one that refuses
                subject.undo(quota.limits, tokens)
            raise _refusal(
                [lack for quota in quotas for lack in _missing(quota, self._subject(quota, now), tokens, now)]
            )
        self._tickets[ticket] = _Taken(tokens, places)
        return standing

    def _count(self, quotas: Sequence[Quota], tokens: int, now: float, places: list[_Place]) -> Standing | None:
        """Count a request in its places, quota by quota, and how they stand then; None from the first that refuses.

        In one piece, and each window added to in place: it runs for every request, three quotas of four limits each.
        """
        minute = (now // MINUTE_PIECE + 1) * MINUTE_PIECE + MINUTE
        day = (now // DAY_PIECE + 1) * DAY_PIECE + DAY
        least, least_day, least_tokens = _MANY, _MANY, _MANY
        bound = bound_day = bound_tokens = None
        for quota in quotas:
            subject, limits = self._subject(quota, now), quota.limits
            requests, in_day = limits.requests_per_minute, limits.requests_per_day
            of_tokens, at_once = limits.tokens_per_minute, limits.concurrent_runs
            left = _MANY if requests is None else requests - subject.minute.total - 1
            left_day = _MANY if in_day is None else in_day - subject.day.total - 1
            left_tokens = _MANY if of_tokens is None else of_tokens - subject.tokens.total - tokens
            if left < 0 or left_day < 0 or left_tokens < 0 or (at_once is not None and subject.running >= at_once):
                return None
            subject.running += 1
            if requests is not None:
                subject.minute.add(minute, 1)
                if left < least:
                    least, bound = left, requests
            if in_day is not None:
                subject.day.add(day, 1)
                if left_day < least_day:
                    least_day, bound_day = left_day, in_day
            piece = None
            if of_tokens is not None:
                piece = subject.tokens.add(minute, tokens)
                if left_tokens < least_tokens:
                    least_tokens, bound_tokens = left_tokens, of_tokens
            places.append((subject, piece))
        return Standing(
            *((bound, least, minute - now) if bound is not None else _UNBOUND),
            *((bound_day, least_day, day - now) if bound_day is not None else _UNBOUND),
            *((bound_tokens, least_tokens, minute - now) if bound_tokens is not None else _UNBOUND),
        )

    async def hold(self, ticket: str, quotas: Sequence[Quota]) -> None:
        """Give a run that was let in elsewhere its place among the runs of every quota, also beyond the limits."""
        now = self._clock()
        subjects = [self._subject(quota, now) for quota in quotas]
        for subject in subjects:
            subject.running += 1
        self._tickets[ticket] = _Taken(0, [(subject, None) for subject in subjects])

    async def settle(self, ticket: str, tokens: int) -> None:
        """The run has ended: give its places back, and count what it really took.

        What it did not take no longer counts; what it took beyond what was reserved counts from now on.
        """
        taken = self._tickets.pop(ticket, None)
        if taken is None:
            return
        rest = taken.tokens - tokens
        for subject, piece in taken.places:
            subject.running -= 1
            if piece is None:
                continue
            if rest > 0:
                subject.tokens.take_back(piece, rest)
            elif rest < 0:
                now = self._clock()
                subject.up_to(now)
                subject.tokens.add((now // MINUTE_PIECE + 1) * MINUTE_PIECE + MINUTE, -rest)

    async def standing(self, quotas: Sequence[Quota]) -> Standing:
        """How they stand now, of each kind the one with the least left."""
        now = self._clock()
        return _standing([(quota.limits, self._subject(quota, now)) for quota in quotas], now)

    def _subject(self, quota: Quota, now: float) -> _Subject:
        """The quota's subject as it stands now, which is a new one where nothing counts for it."""
        subject = self._subjects.get(quota.subject)
        if subject is None:
            subject = self._subjects[quota.subject] = _Subject()
        if now >= subject.looked:
            subject.up_to(now)
        return subject

    def _sweep(self, now: float) -> None:
        self._sweep_at = now + SWEEP
        self._subjects = {name: subject for name, subject in self._subjects.items() if not subject.idle(now)}


def _missing(quota: Quota, subject: _Subject, tokens: int, now: float) -> Iterable[_Lack]:
    """Every limit of the quota that the request would go beyond."""
    limits = quota.limits
    kinds = (
        ("requests per minute", limits.requests_per_minute, subject.minute, 1),
        ("requests per day", limits.requests_per_day, subject.day, 1),
        ("tokens per minute", limits.tokens_per_minute, subject.tokens, tokens),
    )
    for kind, limit, window, wanted in kinds:
        if limit is None or window.total + wanted <= limit:
            continue
        told = f"{kind} of '{quota.subject}': limit {limit}, used {window.total}, requested {wanted}"
        if wanted > limit:
            yield _Lack(None, f"{told}. It alone is more than is ever allowed.")
        else:
            yield _Lack(window.wait(window.total + wanted - limit, now), told)
    if limits.concurrent_runs is not None and subject.running >= limits.concurrent_runs:
        told = f"responses at once of '{quota.subject}': limit {limits.concurrent_runs}, running {subject.running}"
        yield _Lack(BUSY if limits.concurrent_runs else None, told)


def _refusal(lacks: list[_Lack]) -> Problem:
    """The refusal for the limit that holds longest."""
    wait, message = max(lacks, key=lambda lack: float("inf") if lack.wait is None else lack.wait)
    message = f"Rate limit reached for {message}"
    if wait is None:
        return Problem(429, "rate_limit_exceeded", message, retry=False)
    message = f"{message}. Try again in {math.ceil(wait)} s."
    return Problem(429, "rate_limit_exceeded", message, retry_after=wait)


def _standing(found: Sequence[_Found], now: float) -> Standing:
    """Of each kind of limit, how the one with the least left stands."""
    requests: list[_Bound] = []
    day: list[_Bound] = []
    tokens: list[_Bound] = []
    for limits, subject in found:
        if (limit := limits.requests_per_minute) is not None:
            requests.append((limit, subject.minute))
        if (limit := limits.requests_per_day) is not None:
            day.append((limit, subject.day))
        if (limit := limits.tokens_per_minute) is not None:
            tokens.append((limit, subject.tokens))
    return Standing(*_tightest(requests, now), *_tightest(day, now), *_tightest(tokens, now))


def _tightest(bounds: list[_Bound], now: float) -> tuple[int | None, int | None, float | None]:
    """Limit, remaining and reset of the one with the least left."""
    if not bounds:
        return None, None, None
    limit, window = bounds[0]
    for other, its in bounds:
        if other - its.total < limit - window.total:
            limit, window = other, its
    return limit, max(0, limit - window.total), window.reset(now)
