"""Protocols: uvicorn's own HTTP and WebSockets, with the two bounds that they lack.

Knows nothing of what is asked over them. It is imported when the server is about to listen.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

LARGEST_HEAD = 256 * 1024
"""Bytes of a request's head at most, nearly: what has come at once is read."""


class Http(HttpToolsProtocol):
    """A head comes to an end here: uvicorn would keep one for as long as somebody sends."""

    waiting = 0  # bytes since a head was whole, a body went on, or a message ended: trailers count too

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self.waiting += len(data)
        super().data_received(data)
        if self.waiting > LARGEST_HEAD and not self.transport.is_closing():
            self.send_400_response("The head of the request is too large.")

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
        super().on_message_complete()


class WebSockets(WebSocketsSansIOProtocol):
    """The app closes these when the server stops: what is in flight has its grace."""

    def shutdown(self) -> None:
        """The server stops."""
        self.close_timeout = 1.0  # seconds that a client has to answer a close
        if not self.handshake_complete or self.close_sent:
            super().shutdown()
