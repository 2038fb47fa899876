"""JSON text, read while it comes: the value of one string member, unescaped piece by piece.

Knows nothing of what the text means.
"""

import json
import re

_BODY = re.compile(r'(?:[^"\\]|\\.)*', re.DOTALL)
"""The inside of a string, up to its closing quote or to an escape that is cut."""

_CUT = re.compile(
    r"(?<!\\)(?:\\\\)*(\\(?:u[0-9a-fA-F]{0,3})?|\\u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)\Z"
)
"""An escape at the end that may not be whole: a cut one, or the first half of a surrogate pair."""


class StringReader:
    """Reads the string value of the member `key` of an object that comes in pieces.

    `feed` gives what new text of that value has come, with its escapes undone; an escape, or a
    surrogate pair, that is cut between pieces waits for its rest. Text after the value's end is
    passed over.
    """

    def __init__(self, key: str) -> None:
        self._opening = re.compile(rf'"{re.escape(key)}"\s*:\s*"')
        self._inside = False
        self._rest = ""
        self.done = False

    def feed(self, text: str) -> str:
        """The new text of the value."""
        if self.done:
            return ""
        self._rest += text
        if not self._inside:
            match = self._opening.search(self._rest)
            if match is None:
                return ""
            self._rest = self._rest[match.end() :]
            self._inside = True
        return self._take()

    def _take(self) -> str:
        body = _BODY.match(self._rest)
        end = body.end() if body is not None else 0
        self.done = self._rest[end : end + 1] == '"'
        whole = self._rest[:end]
        if not self.done and (cut := _CUT.search(whole)) is not None:
            whole = whole[: cut.start(1)]
        self._rest = self._rest[len(whole) :]
        return _unescaped(whole)


def _unescaped(raw: str) -> str:
    """The text that the inside of a JSON string stands for; half a surrogate pair becomes U+FFFD."""
    text: str = json.loads(f'"{raw}"', strict=False)
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
