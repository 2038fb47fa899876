"""Paging: the query of a list, and the envelope of its answer (protocol §1).

Knows nothing of what is listed.
"""

from urllib.parse import parse_qsl

from antiphon.contract.contract import Contract
from antiphon.core.items import JSON, Item
from antiphon.core.ports import Page, PageQuery
from antiphon.core.problems import BadQuery, Problem

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

    def many(self, name: str) -> list[str]:
        """The values of a list, in every form in which clients write one: `a=1,2`, `a[]=1&a[]=2`, `a[0]=1`."""
        found: list[str] = []
        for key, value in self._pairs:
            if key == name or (key.startswith(f"{name}[") and key.endswith("]")):
                found += [one for one in value.split(",") if one]
        return found

    def word(self, name: str, *options: str) -> str:
        """One of `options`, the first where none is given. Raises `Problem` 400."""
        value = self._values.get(name) or options[0]
        if value not in options:
            raise _invalid(name, f"one of {', '.join(options)}")
        return value

    def only(self, *names: str) -> None:
        """See that nothing else is asked: a filter that is not known must not be left out. Raises `Problem` 400."""
        for key, _ in self._pairs:
            if key.partition("[")[0] not in names:
                raise Problem(400, "unknown_parameter", f"Unknown parameter: '{key[:64]}'.", param=key[:64])

    def text(self, name: str) -> str | None:
        """A text, None where it is not given."""
        return self._values.get(name) or None

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
        found = self.many("include")
        for place, one in enumerate(found):
            if one not in INCLUDE:
                raise BadQuery(f"Invalid value: '{one[:64]}'. See `include`.", f"include[{place}]")
        return found


def envelope(page: Page, contract: Contract) -> dict[str, JSON]:
    """The list envelope: all five keys, nulls for an empty page; the items in the contract's shape."""
    ids = [item.id if isinstance(item.id, str) else None for item in page.items]
    return {
        "object": "list",
        "data": contract.items(page.items),
        "first_id": ids[0] if ids else None,
        "last_id": ids[-1] if ids else None,
        "has_more": page.more,
    }


def listed(items: list[Item], contract: Contract) -> dict[str, JSON]:
    """The envelope of a list that is whole."""
    return envelope(Page(items, more=False), contract)


def _invalid(name: str, expected: str) -> Problem:
    return BadQuery(f"Invalid '{name}': expected {expected}.", name)
