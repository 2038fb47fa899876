"""PDF: the text of its pages, read by pypdf in a process of its own.

Knows nothing of where the file came from. A PDF can be made to take any time and any memory, and a thread
can't be stopped; a process can. This module is also that process's program: a PDF on stdin, its text on stdout.
"""

import asyncio
import importlib.util
import io
import sys

from msgspec import Struct

from antiphon.core.problems import Problem

_ENCRYPTED, _BROKEN = 3, 4


class PdfLimits(Struct, frozen=True):
    """What reading a PDF may take: seconds, bytes of memory, and characters of its text, which then ends there."""

    seconds: float = 30.0
    memory: int = 1 << 30
    characters: int = 10 * 1024 * 1024


async def pdf_text(data: bytes, *, param: str, limits: PdfLimits | None = None) -> str:
    """The text of a PDF, its pages in order, an empty line between.

    Raises `Problem` 400 at `param`: `unsupported_value` where pypdf is not installed, the PDF has a password or
    holds no text, `invalid_value` where it can't be read within the limits.
    """
    limits = limits or PdfLimits()
    if importlib.util.find_spec("pypdf") is None:
        raise _problem("unsupported_value", param, "needs pypdf, which this server lacks: pip install antiphon[files]")
    given = map(str, (int(limits.seconds) + 1, limits.memory, limits.characters))
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "antiphon.tools.pdf", *given),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(limits.seconds):
            told, _ = await child.communicate(data)
    except TimeoutError:
        raise _problem("invalid_value", param, f"took longer than {limits.seconds:g} seconds to read") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode == _ENCRYPTED:
        raise _problem("unsupported_value", param, "is protected by a password")
    if child.returncode != 0:
        raise _problem("invalid_value", param, "can't be read: it is damaged, or too large when unpacked")
    text = told.decode(errors="replace")
    if not text.strip():
        raise _problem("unsupported_value", param, "holds no text: its pages may be pictures")
    return text


def _problem(code: str, param: str, what: str) -> Problem:
    return Problem(400, code, f"The PDF in '{param}' {what}.", param=param)


def _bound(seconds: int, memory: int) -> None:
    import resource

    # A bound that the system already sets lower stays.
    for kind, most in ((resource.RLIMIT_CPU, seconds), (resource.RLIMIT_AS, memory)):
        _, hard = resource.getrlimit(kind)
        if (hard == resource.RLIM_INFINITY or hard > most) and not (
            kind == resource.RLIMIT_AS and sys.platform == "darwin"  # macOS takes no bound on memory
        ):
            resource.setrlimit(kind, (most, most))


def _pages(data: bytes, most: int) -> str:
    """The text of the pages, as far as `most` characters. Raises `PermissionError` for one with a password."""
    from pypdf import PasswordType, PdfReader

    reader = PdfReader(io.BytesIO(data))
    if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
        raise PermissionError
    found: list[str] = []
    left = most
    for page in reader.pages:
        text = page.extract_text().strip()[:left]
        left -= len(text) + 2
        found.append(text)
        if left <= 0:
            break
    return "\n\n".join(found)


def main() -> int:
    """Read a PDF from stdin; the exit code tells how it went."""
    seconds, memory, characters = map(int, sys.argv[1:])
    _bound(seconds, memory)
    try:
        text = _pages(sys.stdin.buffer.read(), characters)
    except PermissionError:
        return _ENCRYPTED
    except Exception:  # noqa: BLE001  # a broken PDF can raise anything, and the exit code is all that is told
        return _BROKEN
    sys.stdout.buffer.write(text.encode(errors="replace"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
