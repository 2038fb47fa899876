"""A file that is put together piece by piece, and whose sum is known the moment its last byte is there.

Knows nothing of where the pieces come from.
"""

import hashlib
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from msgspec import Struct

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHUNK = 1 << 20


class Progress(Struct, frozen=True):
    """How far a pull is: bytes done, bytes in all, and in a few words what it does now."""

    done: int
    total: int
    doing: str


Report: TypeAlias = Callable[[Progress], None]
"""Is told of progress, some times a second. What it raises stops the pull; what was fetched is kept."""


class SourceFailed(Exception):
    """Why a source did not give the file: one sentence for a person."""


class Mark(Struct, frozen=True):
    """A place up to which a file was whole: `end` in bytes, and the sha256 of all before it."""

    part: str
    end: int
    sha256: str


class Assembly(io.FileIO):
    """A file that only grows, hashed as it does. It is never longer than `limit` bytes.

    Opened on the leftovers of an earlier try, it starts with none of them: `resume_all` or `resume` take them up.
    """

    def __init__(self, path: Path, limit: int) -> None:
        super().__init__(path, "a+")
        self.path = path
        self.limit = limit
        self.written = 0
        self._sum = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """The sum of what is there, in hex."""
        return self._sum.hexdigest()

    def resume_all(self) -> None:
        """Take up all that was left, which the sum at the end will judge."""
        length = self.seek(0, io.SEEK_END)
        self._advance(min(length, self.limit))
        self._cut()

    def resume(self, marks: Sequence[Mark]) -> int:
        """Take up what was left as far as it agrees with the marks; how many do. The rest is cut off."""
        length = self.seek(0, io.SEEK_END)
        kept = 0
        for mark in marks:
            before, begin = self._sum.copy(), self.written
            if not begin <= mark.end <= min(length, self.limit):
                break
            self._advance(mark.end)
            if self.sha256 != mark.sha256:
                self._sum, self.written = before, begin
                break
            kept += 1
        self._cut()
        return kept

    def write(self, data: "ReadableBuffer", /) -> int:
        """Append. Raises SourceFailed where the file would grow beyond its limit, OSError where the disk is full."""
        view = memoryview(data).cast("B")
        whole = len(view)
        if self.written + whole > self.limit:
            raise SourceFailed(f"gave more than the {self.limit} bytes that the file has")
        while view:
            count = super().write(view)
            self._sum.update(view[:count])
            self.written += count
            view = view[count:]
        return whole

    def truncate(self, size: int | None = None, /) -> int:
        """Forget what is there from `size` on (or from the position), as a server asks for that can't resume."""
        end = self.tell() if size is None else size
        self._sum, self.written = hashlib.sha256(), 0
        self._advance(end)
        self._cut()
        return end

    def _advance(self, end: int) -> None:
        self.seek(self.written)
        while self.written < end:
            piece = self.read(min(CHUNK, end - self.written))
            if not piece:
                raise OSError(f"{self.path.name} became shorter while it was read.")
            self._sum.update(piece)
            self.written += len(piece)

    def _cut(self) -> None:
        if self.seek(0, io.SEEK_END) != self.written:
            super().truncate(self.written)
            self.seek(self.written)
