"""The table of what is streamed: each row stands for itself."""

from typing import get_args

from antiphon.core import deltas as d
from antiphon.core import events as e
from antiphon.core.emitter import Completed
from antiphon.core.grammar import ROWS
from antiphon.core.response import Response
from tests.core.strategies import play

BEGINS: dict[type, list[d.Delta]] = {d.CallDelta: [d.CallBegun("f")], d.CustomDelta: [d.CustomBegun("f")]}


def test_each_row_has_a_delta_event_and_a_done_event_of_its_own() -> None:
    stems = set()
    for kind in ROWS:
        log = play(Response(id="resp_1", created_at=1, model="m"), [*BEGINS.get(kind, []), kind("a")], Completed())
        names = [e.event_type(event) for event in log if not hasattr(event, "response")]
        own = [name.rpartition(".") for name in names if "output_item" not in name and "_part." not in name]
        assert [verb for _, _, verb in own] == ["delta", "done"]
        assert own[0][0] == own[1][0]
        stems.add(own[0][0])
    spoken = {str(kind.__struct_config__.tag) for kind in get_args(e.AnyEvent)}
    assert stems == {name.removesuffix(".delta") for name in spoken if name.endswith(".delta")}
