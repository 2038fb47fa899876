"""Accounts: what a run may take is reserved before anything is done for it, and settled at its end.

Knows nothing of HTTP, nor of how a run goes: it is told at the end what was used.
"""

from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from antiphon.access.budgets import Budgets, Hold
from antiphon.access.directory import Directory
from antiphon.core.accounts import Budget, Charge, Ledger, Limiter, Principal, Settlement, Standing
from antiphon.core.ports import ModelInfo, Models, Telemetry
from antiphon.core.prices import Prices
from antiphon.core.problems import Problem
from antiphon.core.request import Request
from antiphon.core.signals import Fault, RunSettled

_NO_BUDGET = Budget()


class Terms(Struct, frozen=True):
    """What holds for every run: the most that it may generate, in tokens, and a clock of unix seconds."""

    max_output_tokens: int
    clock: Callable[[], float]


class Books(Struct, frozen=True):
    """Where runs are written down."""

    ledger: Ledger
    limiter: Limiter
    budgets: Budgets
    telemetry: Telemetry


class Accounts:
    """Opens accounts. Satisfies the `Accounts` port."""

    def __init__(
        self, directory: Directory, limiter: Limiter, ledger: Ledger, models: Models, telemetry: Telemetry, terms: Terms
    ) -> None:
        self._directory = directory
        self._models = models
        self._terms = terms
        self._books = Books(ledger, limiter, Budgets(ledger, terms.clock), telemetry)

    async def reserve(self, principal: Principal, request: Request, response_id: str, size: int) -> "RunAccount":
        """The account of a run that is to begin; `size` is its body's, in bytes.

        Reserved are a token for every four bytes, and the most that may be generated. Raises `Problem` 429:
        `rate_limit_exceeded` beyond a limit, `insufficient_quota` beyond the budget; then nothing is taken.
        """
        info = self._models.info(request.model)
        asked = -(-size // 4)
        bound = self._terms.max_output_tokens
        most = bound if request.max_output_tokens is None else min(request.max_output_tokens, bound)
        prices = info.prices
        charge = Charge(
            response_id=response_id,
            project=principal.project,
            key=principal.key,
            model=info.id,
            opened_at=self._terms.clock(),
            input_tokens=asked,
            output_tokens=most,
            cost=prices.of(asked, 0, most),
            input_cost=prices.of(asked, 0, 0),
        )
        books = self._books
        project = self._directory.project(principal.project)
        hold = await books.budgets.hold(principal.project, project.budget if project else _NO_BUDGET, charge.cost)
        quotas = self._directory.quotas(principal, info.id)
        standing = None
        if quotas:
            try:
                standing = await books.limiter.take(response_id, quotas, asked + most)
            except BaseException:
                books.budgets.settle(principal.project, hold, 0.0)
                raise
        return RunAccount(books, charge, lambda: prices, hold, standing)

    def principal(self, project: str) -> Principal:
        """Who a run was asked for that another process began: the project, as it is now."""
        known = self._directory.project(project)
        return Principal(project, log_content=known is not None and known.log_content)

    async def adopt(self, project: str, model: str, response_id: str) -> "RunAccount":
        """The account of a run that another process began: its row is open already, and it has its place among the
        runs of its project, whose limits refuse it no more."""
        charge = Charge(
            response_id=response_id, project=project, key="", model=model, opened_at=0, input_tokens=0, output_tokens=0
        )
        account = RunAccount(self._books, charge, lambda: self._prices(model))
        account.opened = True
        info = self._info(model)
        quotas = self._directory.quotas(Principal(project), None if info is None else info.id)
        await self._books.limiter.hold(response_id, quotas)
        return account

    async def standing(self, principal: Principal, model: str | None = None) -> Standing | None:
        """How a principal stands, for one model or for all together; None where nothing limits it.

        A model that is not served any more has no limits of its own.
        """
        info = None if model is None else self._info(model)
        quotas = self._directory.quotas(principal, None if info is None else info.id)
        return await self._books.limiter.standing(quotas) if quotas else None

    def _prices(self, model: str) -> Prices:
        info = self._info(model)
        return Prices() if info is None else info.prices

    def _info(self, model: str) -> ModelInfo | None:
        try:
            return self._models.info(model)
        except Problem:
            return None


class RunAccount:
    """Satisfies the `Account` port.

    standing
        how the tightest limits stood when the run was let in, or None where there are none.
    warning
        how the soft budget is passed, or None where it is not.
    opened
        whether its row is in the ledger.

    A store that can't write doesn't stop anybody here: it is told as a fault, and a row that stays open is closed
    when the server starts next.
    """

    def __init__(
        self,
        books: Books,
        charge: Charge,
        prices: Callable[[], Prices],
        hold: Hold | None = None,
        standing: Standing | None = None,
    ) -> None:
        self.standing = standing
        self.warning = hold.warning if hold is not None else None
        self.opened = False
        self._books = books
        self._charge = charge
        self._prices = prices
        self._hold = hold
        self._over = False

    async def open(self) -> None:
        """Open the ledger row; returns when that is committed. Raises `Problem` 503 where the store can't write."""
        self.opened = True
        await self._books.ledger.charge(self._charge)

    async def settle(self, settlement: Settlement) -> None:
        """The run has ended: the row is closed at the model's prices, and what was reserved beyond it is free."""
        if self._ended():
            return
        took = settlement.input_tokens, settlement.cached_tokens, settlement.output_tokens
        settlement = replace(settlement, cost=self._prices().of(*took))
        await self._free(settlement.input_tokens + settlement.output_tokens, settlement.cost)
        charge = self._charge
        try:
            await self._books.ledger.settle(charge.project, settlement)
        except Problem as problem:
            self._complain(problem)
        self._books.telemetry(_told(charge, settlement))

    async def refuse(self) -> None:
        """No model said anything: nothing is charged, and the row is taken away. It still was a request."""
        if self._ended():
            return
        await self._free(0, 0.0)
        if not self.opened:
            return
        try:
            await self._books.ledger.uncharge(self._charge.project, self._charge.response_id)
        except Problem as problem:
            self._complain(problem)

    async def leave(self) -> None:
        """The run goes on in another process: limits hold it here no longer, and the row stays open."""
        if not self._ended():
            await self._free(self._charge.input_tokens + self._charge.output_tokens, 0.0)

    def _ended(self) -> bool:
        """Whether it was ended before; from now on it is."""
        before, self._over = self._over, True
        return before

    async def _free(self, tokens: int, cost: float) -> None:
        """Have limits and budget count what was used in the place of what was reserved."""
        await self._books.limiter.settle(self._charge.response_id, tokens)
        self._books.budgets.settle(self._charge.project, self._hold, cost)

    def _complain(self, problem: Problem) -> None:
        self._books.telemetry(Fault("access.accounts", problem.message))


def _told(charge: Charge, settlement: Settlement) -> RunSettled:
    return RunSettled(
        response_id=charge.response_id,
        project=charge.project,
        key=charge.key,
        model=charge.model,
        status=settlement.status,
        input_tokens=settlement.input_tokens,
        cached_tokens=settlement.cached_tokens,
        output_tokens=settlement.output_tokens,
        reasoning_tokens=settlement.reasoning_tokens,
        estimated=settlement.estimated,
        cost=settlement.cost,
    )
