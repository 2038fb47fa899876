"""Limits: the headers in which services tell how limits stand (protocol §6.1, contracts §B row 48).

Knows nothing of which contract uses which, nor of how they are counted.
"""

import math
import time
from collections.abc import Callable

from antiphon.core.accounts import Standing

Header = tuple[bytes, bytes]
LimitsCodec = Callable[[Standing], list[Header]]
_Window = tuple[int | None, int | None, float | None]
"""A limit, what is left of it, and the seconds until it is whole again."""


def durations(standing: Standing) -> list[Header]:
    """As OpenAI has them: of a minute's and a day's requests those that run out first; resets are durations."""
    requests, day = _requests(standing), _day(standing)
    if requests[1] is None or (day[1] is not None and day[1] < requests[1]):
        requests = day
    tokens = standing.limit_tokens, standing.remaining_tokens, standing.reset_tokens
    return [*_told("requests", requests, duration), *_told("tokens", tokens, duration)]


def unix_times(standing: Standing) -> list[Header]:
    """As Infercom has them: a minute's requests and a day's; resets are unix times. It tells nothing of tokens."""
    return [
        *_told("requests", _requests(standing), _moment),
        *((name + b"-day", value) for name, value in _told("requests", _day(standing), _moment)),
    ]


LIMITS: dict[str, LimitsCodec] = {codec.__name__: codec for codec in (durations, unix_times)}


def duration(seconds: float) -> str:
    """A span as `0s`, `120ms`, `1s`, `6m0s`, `24h0m0s`, rounded up."""
    if seconds < 1:
        milliseconds = math.ceil(seconds * 1000)
        return "0s" if milliseconds <= 0 else "1s" if milliseconds == 1000 else f"{milliseconds}ms"
    minutes, rest = divmod(math.ceil(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes}m{rest}s" if hours else f"{minutes}m{rest}s" if minutes else f"{rest}s"


def _moment(seconds: float) -> str:
    return str(math.ceil(time.time() + seconds))


def _requests(standing: Standing) -> _Window:
    return standing.limit_requests, standing.remaining_requests, standing.reset_requests


def _day(standing: Standing) -> _Window:
    return standing.limit_requests_day, standing.remaining_requests_day, standing.reset_requests_day


def _told(kind: str, window: _Window, reset: Callable[[float], str]) -> list[Header]:
    limit, remaining, seconds = window
    if limit is None:
        return []
    names = _NAMES[kind]
    return [
        (names[0], b"%d" % limit),
        (names[1], b"%d" % (remaining or 0)),
        (names[2], reset(seconds or 0.0).encode()),
    ]


_NAMES = {
    kind: tuple(f"x-ratelimit-{what}-{kind}".encode() for what in ("limit", "remaining", "reset"))
    for kind in ("requests", "tokens")
}
