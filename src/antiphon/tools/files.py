"""Files: an `input_file` as text that any model can read.

Knows nothing of where the bytes came from. What a file is, its bytes say: names and media types are often wrong.
"""

import codecs
import re

from antiphon.core.problems import Problem
from antiphon.tools import pictures
from antiphon.tools.encoded import Blob, base64_size, from_base64, from_data_url, is_data_url
from antiphon.tools.pdf import pdf_text

LARGEST = 32 * 1024 * 1024
"""Bytes of a file (protocol §2.1)."""

LONGEST = 10 * 1024 * 1024
"""Characters of a file's text (protocol §9, text part)."""

READABLE = "text of any kind (plain, Markdown, CSV, JSON, HTML, source code) and PDF"

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16, so it comes first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

_NOT_IN_TEXT = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f]")


def from_file_data(file_data: str, *, param: str) -> Blob:
    """The bytes of `file_data`, base64 or a data URL. Raises `Problem` 400 `invalid_value` at `param`."""
    if base64_size(file_data) > LARGEST + 512:
        raise _large(param)
    if is_data_url(file_data):
        blob = from_data_url(file_data)
    else:
        data = from_base64(file_data)
        blob = None if data is None else Blob(data)
    if blob is None:
        raise Problem(400, "invalid_value", f"'{param}' is neither base64 nor a whole data URL.", param=param)
    return blob


async def file_text(blob: Blob, filename: str | None, *, param: str) -> str:
    """What a model is shown of a file: its name as a heading, then its text.

    Raises `Problem` 400 at `param`: `invalid_value` for one that is empty, too large or broken, `unsupported_value`
    for one that isn't text or PDF.
    """
    if not blob.data:
        raise Problem(400, "invalid_value", f"The file in '{param}' is empty.", param=param)
    if len(blob.data) > LARGEST:
        raise _large(param)
    if b"%PDF-" in blob.data[:1024]:  # readers take some rubbish before it
        text: str | None = await pdf_text(blob.data, param=param)
    else:
        text = plain_text(blob.data)
    if text is None:
        what = "is a picture: send it as input_image" if pictures.media_type(blob.data) else "can't be read"
        raise Problem(400, "unsupported_value", f"The file in '{param}' {what}. Files can be {READABLE}.", param=param)
    if len(text) > LONGEST:
        told = f"The text of the file in '{param}' has more than {LONGEST} characters."
        raise Problem(400, "invalid_value", told, param=param)
    return f"# {heading(filename)}\n\n{text}"


def plain_text(data: bytes) -> str | None:
    """The bytes as text: by their byte order mark, else UTF-8, else Windows-1252 (Latin-1); None for no text."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            try:
                return data.decode(encoding)
            except UnicodeDecodeError:
                return None
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None if _NOT_IN_TEXT.search(data) else data.decode("cp1252", errors="replace")


def heading(filename: str | None) -> str:
    """The name of a file on one line, so that it can't pass for the file's text; "File" where it has none."""
    name = "".join(letter if letter.isprintable() else " " for letter in filename or "")
    return " ".join(name.split())[:200] or "File"


def _large(param: str) -> Problem:
    return Problem(400, "invalid_value", f"The file in '{param}' has more than {LARGEST} bytes.", param=param)
