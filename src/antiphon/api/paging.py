"""Paging: the query of a list, and the envelope of its answer (protocol §1).

Knows nothing of what is listed.
"""

from urllib.parse import parse_qsl

from antiphon.core.items import JSON, Item
from antiphon.core.ports import Page, PageQuery
from antiphon.core.problems import Problem

INCLUDE = frozenset(
    {
        "file_search_call.results",
        "web_search_call.results",
        "web_search_call.action.sources",
        "message.input_image.image_url",
        "computer_call_output.output.image_url",
        "code_interpreter_call.outputs",
        "reasoning.encrypted_content",
        "message.output_text.logprobs",
    }
)
"""The values of `include` (protocol §2.2)."""


class Query:
    """The query string of a request; a key's last value counts."""

    def __init__(self, raw: bytes) -> None:
        self._pairs = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
        self._values = dict(self._pairs)

    def flag(self, name: str) -> bool:
        """A boolean, False where it is not given. Raises `Problem` 400."""
        value = self._values.get(name, "false").lower()
        if value not in ("true", "false", "1", "0", ""):
            raise _invalid(name, "a boolean, true or false")
        return value in ("true", "1")

    def number(self, name: str, default: int, low: int, high: int | None = None) -> int:
        """An integer from `low` to `high`. Raises `Problem` 400."""
        value = self._values.get(name, "")
        if not value:
            return default
        try:
            number = int(value) if len(value) < 20 else low - 1
        except ValueError:
            number = low - 1
        if number < low or (high is not None and number > high):
            bounds = f"at least {low}" if high is None else f"from {low} to {high}"
            raise _invalid(name, f"an integer {bounds}")
        return number

    def page(self) -> PageQuery:
        """`limit` 1–100 (20), `order` asc or desc (desc), `after` an item's id. Raises `Problem` 400."""
        order = self._values.get("order") or "desc"
        if order not in ("asc", "desc"):
            raise _invalid("order", "'asc' or 'desc'")
        return PageQuery(
            self.number("limit", 20, 1, 100),
            "asc" if order == "asc" else "desc",
            self._values.get("after") or None,
        )

    def include(self) -> list[str]:
        """The values of `include`, in every form in which clients write a list. Raises `Problem` 400."""
        found: list[str] = []
        for key, value in self._pairs:
            if key == "include" or (key.startswith("include[") and key.endswith("]")):
                found += [one for one in value.split(",") if one]
        for place, one in enumerate(found):
            if one not in INCLUDE:
                raise Problem(
                    400, "invalid_value", f"Invalid value: '{one[:64]}'. See `include`.", param=f"include[{place}]"
                )
        return found


def envelope(page: Page) -> dict[str, JSON]:
    """The list envelope: all five keys, nulls for an empty page."""
    ids = [item.id if isinstance(item.id, str) else None for item in page.items]
    return {
        "object": "list",
        "data": page.items,
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": page.more,
    }


def listed(items: list[Item]) -> dict[str, JSON]:
    """The envelope of a list that is whole."""
    return envelope(Page(items, more=False))


def _invalid(name: str, expected: str) -> Problem:
    return Problem(400, "invalid_value", f"Invalid '{name}': expected {expected}.", param=name)
