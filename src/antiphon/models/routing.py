"""Routing: which upstream is asked, in which order, and when one is asked again. Pure decisions.

Knows nothing of connections, clocks or randomness: loads, times and dice are handed in.

With a key the order is that of rendezvous hashing (highest weighted score first), so that one
conversation finds its prefix in one cache, and only the keys of an upstream that goes away move.
Who already carries more than its share of the load, and a quarter, comes after those who don't.
Without a key the least loaded comes first.
"""

import math
from collections.abc import Sequence
from hashlib import blake2b

from msgspec import Struct

from antiphon.core.items import InputText, Message
from antiphon.core.prompt import Prompt

SLACK = 1.25
"""How much more than its share of the load an upstream may have before its keys go elsewhere."""

OPENING = 256
"""Characters of a prompt's first words that tell one conversation from another."""


class Standing(Struct, frozen=True):
    """How an upstream stands: `load` is the calls that run or wait there, `calls` all that it ever had."""

    name: str
    weight: float = 1.0
    load: int = 0
    calls: int = 0


class Retries(Struct, frozen=True, kw_only=True):
    """How often one upstream is asked again, and after which time (seconds).

    The pause before try n is drawn between half and the whole of `first` · 2ⁿ, up to `longest`; a
    `Retry-After` is waited for in full, but one beyond `patience` is left to the client.
    """

    times: int = 2
    first: float = 0.2
    longest: float = 5.0
    patience: float = 10.0


def order(standings: Sequence[Standing], key: str | None) -> list[int]:
    """The places of `standings` in the order in which they are to be asked."""
    places = range(len(standings))
    if key is None or len(standings) < 2:
        return sorted(places, key=lambda n: _burden(standings[n]))
    ranked = sorted(places, key=lambda n: -_score(standings[n], key))
    total = sum(one.load for one in standings) + 1
    weights = sum(one.weight for one in standings)
    fit = [n for n in ranked if standings[n].load < math.ceil(SLACK * total * standings[n].weight / weights)]
    full = sorted((n for n in ranked if n not in fit), key=lambda n: _burden(standings[n]))
    return fit + full


def pause(retries: Retries, tries: int, retry_after: float | None, dice: float) -> float | None:
    """Seconds before an upstream that failed `tries` times is asked again; None where it is not.

    `dice` is between 0 and 1.
    """
    if tries > retries.times:
        return None
    if retry_after is not None:
        return retry_after + 0.1 * dice if retry_after <= retries.patience else None
    whole = min(retries.longest, retries.first * 2.0 ** (tries - 1))
    return whole * (0.5 + 0.5 * dice)


def key_of(prompt: Prompt) -> str | None:
    """What prompts that share a prefix share: the cache key, the conversation, else how the talk began.

    The last holds for chains and for clients that send everything again, on every node alike.
    """
    if prompt.cache_key:
        return f"k{prompt.cache_key}"
    if prompt.conversation:
        return f"c{prompt.conversation}"
    for item in prompt.items:
        if isinstance(item, Message) and item.role == "user":
            text = next((part.text for part in item.content if isinstance(part, InputText)), "")
            return f"t{text[:OPENING]}" if text else None
    return None


def _burden(one: Standing) -> tuple[float, float]:
    return (one.load + 1) / one.weight, one.calls / one.weight


def _score(one: Standing, key: str) -> float:
    data = blake2b(f"{one.name}\0{key}".encode(errors="replace"), digest_size=8).digest()
    share = (int.from_bytes(data, "big") + 1) / (2**64 + 2)
    return -one.weight / math.log(share)
