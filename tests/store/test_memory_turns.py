from antiphon.store.memory_turns import Items, Turn
from tests.store.made import user


def test_what_nothing_reaches_is_gone_at_once() -> None:
    items = Items()
    kept = items.keep("p", [user("x", "msg_1")])
    assert items.newest("p", "msg_1") is kept[0]
    assert items.newest("q", "msg_1") is None
    kept.clear()
    assert items.newest("p", "msg_1") is None


def test_the_same_item_is_kept_once_and_other_content_anew() -> None:
    items = Items()
    [first] = items.keep("p", [user("x", "msg_1")])
    [second] = items.keep("p", [user("x", "msg_1")])
    [third] = items.keep("p", [user("y", "msg_1")])
    assert first is second
    assert third is not first
    assert items.newest("p", "msg_1") is third
    del third
    assert items.newest("p", "msg_1") is first


def test_a_long_chain_is_walked_and_freed_without_recursion() -> None:
    items = Items()
    turn = Turn((), items.keep("p", [user("start")]))
    for n in range(20_000):
        turn = Turn(turn, items.keep("p", [user(f"{n}")] if n % 1000 == 0 else []))
    assert len(turn.inherited()) == 21
    del turn
    assert items._known == {}  # noqa: SLF001  # nothing outside shows that memory is free
