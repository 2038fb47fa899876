"""Server-sent events as they arrive: bytes in, the data of whole events out (the WHATWG's rules for event streams).

Knows nothing of what the data says, and gives no names of events: the data of our upstreams tells its own kind.
"""

from typing import Literal

Form = Literal["events", "json", "page", "blank"]


def form_of(data: bytes) -> Form:
    """What a body is whose head does not say that it is a stream, by how it begins; `blank` where that is to come."""
    begins = data.lstrip()[:1]
    if begins in {b"{", b"["}:
        return "json"
    return "page" if begins == b"<" else "events" if begins else "blank"


_LF, _CR = b"\n\r"  # as numbers, since to look for bytes in bytes Python makes an exception and throws it away


class EventStream:
    """Reads one stream, however it is cut. Comments, ids, names and retry times are passed over."""

    def __init__(self) -> None:
        self._held = b""
        self._after_cr = False
        self._begun = False

    @property
    def held(self) -> int:
        """How many bytes wait for the end of their event."""
        return len(self._held)

    def feed(self, data: bytes) -> list[bytes]:
        """The data of every event that ends in `data`, in order; that of several lines with LF between."""
        if self._after_cr or not self._begun or _CR in data:
            data = self._plain(data)
        if self._held:
            data = self._held + data
        blocks = data.split(b"\n\n")
        self._held = blocks.pop()
        found: list[bytes] = []
        for block in blocks:
            if block[:6] == b"data: " and _LF not in block:
                found.append(block[6:])
            elif (payload := _data(block)) is not None:
                found.append(payload)
        return found

    def finish(self) -> list[bytes]:
        """The data of an event that the end of the stream cut off before its empty line. The standard drops it;
        many servers end their last one so."""
        held, self._held = self._held, b""
        payload = _data(held)
        return [] if payload is None else [payload]

    def _plain(self, data: bytes) -> bytes:
        """With LF as the only end of a line, and without the mark of the encoding at the very beginning."""
        if not data:
            return data
        if not self._begun:
            self._begun = True
            data = data.removeprefix(b"\xef\xbb\xbf")
        if self._after_cr and data.startswith(b"\n"):  # its CR has ended the line already
            data = data[1:]
            self._after_cr = False
            if not data:
                return data
        self._after_cr = data.endswith(b"\r")
        return data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


def _data(block: bytes) -> bytes | None:
    lines = []
    for line in block.split(b"\n"):
        if line.startswith(b"data:"):
            value = line[5:]
            lines.append(value[1:] if value.startswith(b" ") else value)
        elif line == b"data":
            lines.append(b"")
    return b"\n".join(lines) if lines else None
