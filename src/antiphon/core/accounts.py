"""Accounts: who asks, what they may use, and what they used (DESIGN §2, "WHO MAY").

Structs, and small Protocols without code, as in `ports`. Knows nothing of HTTP, nor of how a key is checked.
"""

from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

Scope = Literal["responses", "read", "admin"]
"""What a key is good for: all of the API, only its reading, or the administration as well."""

DEFAULT_PROJECT = "default"
"""The project of an open server, which is always there."""


class Principal(Struct, frozen=True):
    """Who asks: the project that is worked in, and the id of the key that was shown ("" on an open server).

    `log_content` says whether the project lets prompts and outputs stand in the log.
    """

    project: str = DEFAULT_PROJECT
    key: str = ""
    scope: Scope = "admin"
    log_content: bool = False


class Limits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may be used at most; None is no limit. Tokens are input and output together."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    tokens_per_minute: int | None = None
    concurrent_runs: int | None = None


class Budget(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a project may spend in a calendar month (UTC), in the currency of the models' prices.

    Beyond `soft` answers carry a warning; beyond `hard` requests are refused. None is no bound.
    """

    soft: float | None = None
    hard: float | None = None


class Project(Struct, frozen=True, kw_only=True):
    """A project. Times are unix seconds.

    contract
        the only contract that it may be asked through, or None.
    models
        limits by model, beside those of the whole project.
    log_content
        whether prompts and outputs may stand in the log.
    """

    id: str
    name: str
    created_at: int
    archived_at: int | None = None
    contract: str | None = None
    limits: Limits = Limits()
    models: dict[str, Limits] = {}
    budget: Budget = Budget()
    log_content: bool = False


class Key(Struct, frozen=True, kw_only=True):
    """An API key, without its text. Times are unix seconds.

    digest
        the keyed hash by which it is found.
    shown
        its first characters, by which a person recognises it.
    project, projects
        where it works unless a request says otherwise; the others among which a request may choose.
    """

    id: str
    digest: bytes
    shown: str
    name: str
    project: str
    projects: tuple[str, ...] = ()
    scope: Scope = "responses"
    created_at: int
    expires_at: int | None = None
    revoked_at: int | None = None
    last_used_at: int | None = None
    limits: Limits = Limits()


class Roll(Struct, frozen=True):
    """All keys and projects at one moment. `keyed`: a key was made or an admin key configured, at any time."""

    keys: Sequence[Key]
    projects: Sequence[Project]
    keyed: bool


class Roster(Protocol):
    """The memory of keys and projects."""

    def version(self) -> int:
        """Another number as soon as a key or a project was changed, by this process or by another on the same
        machine. Cheap: it is asked for every request."""
        ...

    async def roll(self) -> Roll:
        """Everything, as it is now."""
        ...

    async def keep_project(self, project: Project) -> None:
        """Keep a project, new or changed."""
        ...

    async def keep_key(self, key: Key) -> None:
        """Keep a key, new or changed (its `last_used_at` apart); from then on the store is keyed."""
        ...

    async def mark_keyed(self) -> None:
        """Remember that an admin key was configured."""
        ...

    async def used(self, key_id: str, at: int) -> None:
        """Remember when a key was used last. Does not change `version`."""
        ...


class Charge(Struct, frozen=True, kw_only=True):
    """A ledger row as it is opened, before a model is called.

    input_tokens, output_tokens
        what is reserved: the prompt as it is estimated, and the most that may be generated.
    cost, input_cost
        what that would cost, and the part of it for the input.
    opened_at
        unix seconds.
    """

    response_id: str
    project: str
    key: str
    model: str
    opened_at: float
    input_tokens: int
    output_tokens: int
    cost: float = 0.0
    input_cost: float = 0.0


class Settlement(Struct, frozen=True, kw_only=True):
    """How a ledger row is closed.

    status
        the response's, or `lost` for one of which a crash left nothing.
    estimated
        whether any of the tokens was estimated.
    seconds, first_token
        from the beginning of the run to its end, and to its first delta (None where there was none).
    """

    response_id: str
    status: str
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cost: float = 0.0
    seconds: float = 0.0
    first_token: float | None = None


Grouping = Literal["project", "key", "model"]


class UsageQuery(Struct, frozen=True, kw_only=True):
    """Which usage: closed rows, opened from `start` to before `end` (unix seconds), in buckets of `width` seconds that
    are aligned to the epoch (0: one bucket), summed by `by`; only of `projects`, where some are named."""

    start: float
    end: float
    width: int = 86_400
    by: tuple[Grouping, ...] = ()
    projects: tuple[str, ...] = ()


class UsageSum(Struct, frozen=True, kw_only=True):
    """The sum of the ledger rows of one bucket and group, of which there is one at least. `start` is unix seconds,
    the query's own for one bucket; a name not grouped by is ""."""

    start: float
    project: str = ""
    key: str = ""
    model: str = ""
    responses: int = 0
    estimated: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost: float = 0.0


class Ledger(Protocol):
    """The memory of what was used: one row a response, whatever its end."""

    def charge(self, charge: Charge) -> Awaitable[None]:
        """Open a row; ends when it is committed. A row that is there stays as it is: its run is done again."""
        ...

    def settle(self, project: str, settlement: Settlement) -> Awaitable[None]:
        """Close an open row; one that is closed, or not there, stays as it is."""
        ...

    def uncharge(self, project: str, response_id: str) -> Awaitable[None]:
        """Take an open row away: the run was refused before a model said anything."""
        ...

    async def settle_lost(self, before: float) -> int:
        """Close every row opened before then that no living run will close: from its response's usage where that
        has ended with one, at what was reserved for a token, else from what was reserved, marked estimated. Says how
        many."""
        ...

    async def usage(self, query: UsageQuery) -> list[UsageSum]:
        """The sums, oldest bucket first, in it by project, key and model."""
        ...


class Holdings(Protocol):
    """All that is kept of one project, as a whole."""

    def export(self, project: str) -> AsyncIterator[bytes]:
        """Every row of it as a line of JSON (`{"kind": "response", …}`), without digests; each line ends with LF."""
        ...

    async def purge(self, project: str) -> int:
        """Forget every row of it, in every table, for good; says how many. The default project itself stays, empty."""
        ...


class Quota(Struct, frozen=True):
    """Limits of one subject: a key, a project, or a model within a project (`project/model`)."""

    subject: str
    limits: Limits


class Standing(Struct, frozen=True):
    """How the tightest of some quotas stands; None where nothing limits. Resets are seconds from now, until the
    window is empty again."""

    limit_requests: int | None = None
    remaining_requests: int | None = None
    reset_requests: float | None = None
    limit_requests_day: int | None = None
    remaining_requests_day: int | None = None
    reset_requests_day: float | None = None
    limit_tokens: int | None = None
    remaining_tokens: int | None = None
    reset_tokens: float | None = None


class Limiter(Protocol):
    """Counts what is used in windows that slide: in no span of a minute, or of a day, is more admitted than allowed."""

    async def take(self, ticket: str, quotas: Sequence[Quota], tokens: int) -> Standing:
        """Take a request, `tokens` and a place among the runs from every quota, or from none; how they stand then.

        Raises `Problem` 429 `rate_limit_exceeded` that names the limit, and when to come again.
        """
        ...

    async def hold(self, ticket: str, quotas: Sequence[Quota]) -> None:
        """Give a run that was let in elsewhere its place among the runs of every quota, also beyond the limits.

        Requests and tokens were counted where it was let in; here they are not.
        """
        ...

    async def settle(self, ticket: str, tokens: int) -> None:
        """The run has ended: give its places back, and count what it really took instead of what was reserved."""
        ...

    async def standing(self, quotas: Sequence[Quota]) -> Standing:
        """How they stand now. Takes nothing."""
        ...


class Account(Protocol):
    """What one run is charged to. One call of `settle`, `refuse` or `leave` ends it; a second one does nothing."""

    async def open(self) -> None:
        """Open the ledger row; returns when that is committed. Before a model is called, and once."""
        ...

    async def settle(self, settlement: Settlement) -> None:
        """The run has ended: the row is closed, at the model's prices; limits and budget take what was really used."""
        ...

    async def refuse(self) -> None:
        """No model said anything: nothing is charged, and the row is taken away."""
        ...

    async def leave(self) -> None:
        """The run goes on in another process: limits hold it here no longer, and the row stays open."""
        ...


class Accounts(Protocol):
    """Accounts of runs that were not asked for in this process."""

    def principal(self, project: str) -> Principal:
        """Who it is that they were asked for: the project, as it is now."""
        ...

    async def adopt(self, project: str, model: str, response_id: str) -> Account:
        """The account of a run that another process began: its row is open already, and it has its place among the
        runs of its project, whose limits refuse it no more."""
        ...
