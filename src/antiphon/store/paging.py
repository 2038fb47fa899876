"""Paging: which of a listing's items stand on a page.

Knows nothing of where the items are kept: it sees their outward ids only.
"""

from collections.abc import Sequence

from antiphon.core.ports import PageQuery
from antiphon.core.problems import Problem


def choose(ids: Sequence[str], query: PageQuery) -> tuple[list[int], bool]:
    """The places, in `ids`, of the page's items in the order asked for, and whether others follow.

    `ids` stand oldest first. An id that stands there several times counts where it stood last.
    Raises `Problem` 400 for an `after` that is not among them.
    """
    last = {outward: place for place, outward in enumerate(ids)}
    places = sorted(last.values(), reverse=query.order == "desc")
    start = 0
    if query.after is not None:
        if query.after not in last:
            message = f"No item with id '{query.after[:80]}' stands in this list."
            raise Problem(400, "invalid_value", message, param="after")
        start = places.index(last[query.after]) + 1
    return places[start : start + query.limit], start + query.limit < len(places)
