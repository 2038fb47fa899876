"""Flags that the commands on keys, projects and usage share. What stands under a field is what `--help` says of it.

Knows nothing of what is done with them, and imports nothing that is slow to load.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from cyclopts import Parameter


def _counts(_hint: object, value: object) -> None:
    if isinstance(value, int) and value < 1:
        raise ValueError("Must be 1 or more, or none.")


def _pays(_hint: object, value: object) -> None:
    if isinstance(value, float) and not 0 <= value < float("inf"):
        raise ValueError("Must be 0 or more, or none.")


Count: TypeAlias = Annotated[int | Literal["none"] | None, Parameter(validator=_counts, show_default=False)]
"""A bound: a number, `none` for no bound, None where nothing is said of it."""
Sum: TypeAlias = Annotated[float | Literal["none"] | None, Parameter(validator=_pays, show_default=False)]
"""A sum of money, likewise."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Bounds:
    """Limits as they are asked for."""

    requests_per_minute: Count = None
    """How many requests may come in a minute; none takes the limit away."""

    requests_per_day: Count = None
    """How many requests may come in a day; none takes the limit away."""

    tokens_per_minute: Count = None
    """How many tokens may be used in a minute, in and out; none takes the limit away."""

    concurrent_runs: Count = None
    """How many responses may be made at once; none takes the limit away."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Terms(Bounds):
    """What holds for a project."""

    for_model: str | None = None
    """The model that the limits are for. [default: all together]"""

    budget_soft: Sum = None
    """What may be spent in a month before answers carry a warning; none takes it away."""

    budget_hard: Sum = None
    """What may be spent in a month before requests are refused; none takes it away."""

    contract: str | None = None
    """The only contract that the project may be asked through; none for every one."""

    log_content: Annotated[bool | None, Parameter(show_default=False)] = None
    """Whether prompts and outputs may stand in the log."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class NewKey(Bounds):
    """What a key is to be."""

    name: str = ""
    """What it is called, for people."""

    project: str = "default"
    """The project in which it works, by id or name."""

    projects: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """Other projects among which its requests may choose."""

    scope: Literal["responses", "read", "admin"] = "responses"
    """What it is good for: all of the API, only reading, or administration as well."""

    expires: str = "never"
    """When it ends: 30d, 12h, 2030-01-31, or never."""
