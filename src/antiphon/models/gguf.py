"""A GGUF file, as far as it is looked at before the engine loads it: the chat template that it carries.

Knows nothing of what a template means, nor of the file's weights.
"""

from mmap import ACCESS_READ, mmap
from pathlib import Path

_KEY = b"tokenizer.chat_template"
_MARK = len(_KEY).to_bytes(8, "little") + _KEY + (8).to_bytes(4, "little")
"""How the template's entry begins: the key, by its length, and the type of a string."""

_HEAD = 1 << 26
"""Bytes in which the entry is looked for. It stands behind the vocabulary; the largest take a quarter of that."""


def chat_template(path: Path) -> str:
    """The chat template of a file; "" where it has none, is no GGUF file, or can't be read."""
    try:
        with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            found = data.find(_MARK, 0, _HEAD) if data[:4] == b"GGUF" else -1
            if found < 0:
                return ""
            start = found + len(_MARK) + 8
            length = int.from_bytes(data[start - 8 : start], "little")
            return data[start : start + length].decode(errors="replace")
    except (OSError, ValueError):  # an empty file can't be mapped
        return ""
