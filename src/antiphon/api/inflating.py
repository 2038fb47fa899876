"""Inflating: bodies that a client has packed (`Content-Encoding`), never further than their bound.

Knows nothing of where the bytes come from, nor of what they say.
"""

import zlib

from antiphon.core.problems import Problem

PACKED = ("gzip", "deflate")
"""The encodings that are taken."""

_SLICE = 4096
"""Bytes that are inflated at once."""

_ALIKE = {"x-gzip": "gzip"}


def packings(encoding: str) -> list[str]:
    """What a `Content-Encoding` says was done to a body, in order; nothing where that is as it was."""
    names = [name.strip().lower() for name in encoding.split(",")]
    return [_ALIKE.get(name, name) for name in names if name not in ("", "identity")]


class Inflater:
    """Inflates gzip and zlib, of which there may be several in a row, to at most `most` bytes in all.

    `full` says that there is more, which is not given; what is packed may have no more bytes either, since members
    that hold nothing could follow one another without end.
    """

    def __init__(self, most: int) -> None:
        self.full = False
        self._left = most
        self._packed_left = most
        self._stream = zlib.decompressobj(47)  # 47: whichever of the two it is
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """What comes of `data`. Raises `Problem` 400 where it is broken."""
        self._packed_left -= len(data)
        self.full = self.full or self._packed_left < 0
        # In slices, since behind every member what is left of one is copied.
        return b"".join([self._inflate(data[place : place + _SLICE]) for place in range(0, len(data), _SLICE)])

    def _inflate(self, data: bytes) -> bytes:
        found = []
        while data and not self.full:
            if self._stream.eof:
                self._stream = zlib.decompressobj(47)
            self._begun = True
            try:
                piece = self._stream.decompress(data, self._left + 1)
            except zlib.error as fault:
                raise _broken(str(fault)) from None
            self.full = len(piece) > self._left
            self._left -= len(piece)
            found.append(piece)
            data = self._stream.unused_data or self._stream.unconsumed_tail
        return b"".join(found)

    def end(self) -> None:
        """Nothing follows. Raises `Problem` 400 for what broke off; nothing at all is an empty body."""
        if self._begun and not self._stream.eof:
            raise _broken("it breaks off")


def _broken(why: str) -> Problem:
    return Problem(400, "invalid_value", f"The request body is not what its 'Content-Encoding' says: {why[:100]}.")
