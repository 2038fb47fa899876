"""Protocols: uvicorn's own HTTP and WebSockets, with the bounds that they lack.

Knows nothing of what is asked over them. It is imported when the server is about to listen.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_HEAD = 256 * 1024
"""Bytes of a request's head at most, nearly: what has come at once is read."""
PATIENCE = 60.0
"""Seconds for which a request may stand still before it is whole, and a connection before its first one."""

_STANDS_STILL = (
    STATUS_LINE[408] + b"content-type: text/plain; charset=utf-8\r\nconnection: close\r\n\r\n"
    b"The rest of the request did not come in time."
)


class Http(HttpToolsProtocol):
    """A request comes to an end here: uvicorn would keep a head for as long as somebody sends, and wait for ever for
    the rest. A request that comes in one read, as nearly all do, costs no timer."""

    waiting = 0  # bytes since a head was whole, a body went on, or a message ended: trailers count too
    unfinished = False  # whether more is owed: the rest of a request, or the first one
    heard = 0.0
    watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Somebody is there."""
        super().connection_made(transport)
        self.unfinished = True
        self._keep_watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        if self.watch is not None:
            self.watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.waiting += len(data)
        super().data_received(data)
        if self.waiting > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")
        if self.unfinished:
            self._keep_watch()

    def on_message_begin(self) -> None:
        """A request begins."""
        self.unfinished = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """A head is whole."""
        self.waiting = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A body goes on."""
        self.waiting = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        self.waiting = 0
        self.unfinished = False
        super().on_message_complete()

    def _keep_watch(self) -> None:
        self.heard = self.loop.time()
        if self.watch is None:
            self.watch = self.loop.call_later(PATIENCE, self._look)

    def _look(self) -> None:
        """Close where what is owed does not come; not while it is us who don't read, or who answer a whole request."""
        self.watch = None
        if not self.unfinished or self.transport.is_closing():
            return
        answering = self.cycle if self.cycle is not None and not self.cycle.response_complete else None
        ours = self.flow.read_paused or (answering is not None and not answering.more_body)
        left = self.heard + PATIENCE - self.loop.time()
        if left > 0 or ours:
            self.watch = self.loop.call_later(left if left > 0 else PATIENCE, self._look)
            return
        if self.headers is not None and (answering is None or not answering.response_started):
            self.transport.write(_STANDS_STILL)
        self.transport.close()


class WebSockets(WebSocketsSansIOProtocol):
    """The app closes these when the server stops: what is in flight has its grace."""

    def shutdown(self) -> None:
        """The server stops."""
        self.close_timeout = 1.0  # seconds that a client has to answer a close
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
