"""The gate: who asks, and whether they may come in with that (DESIGN §2, "WHO MAY").

Knows nothing of what is asked, nor of how a key is found: `access.directory` tells.
"""

from typing import Literal

from antiphon.access.attempts import Proxies
from antiphon.access.directory import Directory, Shown, allow
from antiphon.api.admission import Admission
from antiphon.api.exchange import Exchange

Need = Literal["open", "read", "responses", "admin"]
"""What a key has to be good for; `open` needs none."""


class Gate:
    """Where every request is looked at before anything is read of it."""

    def __init__(self, admission: Admission, directory: Directory, proxies: Proxies) -> None:
        self._admission = admission
        self._directory = directory
        self._proxies = proxies

    def screen(self, exchange: Exchange) -> None:
        """Look where it comes from, whatever it asks for. Raises `Problem` 403 for a web page that may not call."""
        exchange.origin = self._admission.origin(exchange)

    async def admit(self, exchange: Exchange, need: Need, contract: str | None) -> None:
        """Find the principal. `contract` is the name of the one that is asked through, None outside of all.

        Raises `Problem` as `Directory.principal` does, and 403 for a key that is not good for this, or for
        one who asks an open server from elsewhere.
        """
        if need != "open":
            exchange.principal = await self._directory.principal(self._shown(exchange), contract)
            allow(exchange.principal, need)
        if not self._directory.keyed:
            self._admission.check_open(exchange)

    def _shown(self, exchange: Exchange) -> Shown:
        header = exchange.header
        forwarded = exchange.all(b"x-forwarded-for") if header(b"x-forwarded-for") else []
        return Shown(
            self._proxies.client(exchange.peer, forwarded),
            header(b"authorization"),
            header(b"x-admin-key"),
            header(b"x-project-id"),
            header(b"openai-project"),
        )
