"""Sockets: the connections that are open, and the server's leave."""

from antiphon.api.sockets import STOPPING, Farewell, Sockets


def test_all_that_are_open_are_told_when_the_server_leaves_and_so_is_who_comes_later() -> None:
    sockets = Sockets()
    told: dict[str, Farewell] = {}

    def one(farewell: Farewell) -> None:
        told["one"] = farewell
        sockets.closed(one)

    def two(farewell: Farewell) -> None:
        told["two"] = farewell

    def three(farewell: Farewell) -> None:
        told["three"] = farewell

    def gone(farewell: Farewell) -> None:
        told["gone"] = farewell

    for end in (one, two, gone):
        sockets.opened(end)
    assert len(sockets) == 3
    sockets.closed(gone)
    sockets.leave()
    assert told == {"one": STOPPING, "two": STOPPING}
    sockets.opened(three)
    assert told["three"] == STOPPING
    assert len(sockets) == 2


def test_the_limit_says_what_it_is() -> None:
    farewell = Sockets(minutes=1.5).outlived()
    assert farewell.code == 1000
    assert farewell.problem is not None
    assert farewell.problem.code == "websocket_connection_limit_reached"
    assert "1.5 minutes" in farewell.problem.message
