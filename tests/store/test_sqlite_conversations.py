from pathlib import Path

import pytest

from antiphon.core.ports import Conversation
from antiphon.core.problems import Problem
from tests.store.folder import MARKER, gone, rows, running
from tests.store.made import P, begun, texts, turn, user

pytestmark = pytest.mark.anyio


async def test_old_metadata_leaves_every_file(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        conversation = Conversation(id="conv_1", created_at=1, metadata={"m": MARKER})
        await store.create(P, conversation, [])
        conversation.metadata = {"m": "other"}
        await store.update(P, conversation)
        assert await gone(tmp_path)


async def test_a_conversation_is_locked_by_a_run_of_before_the_restart(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.create(P, Conversation(id="conv_1", created_at=1), [user("start")])
        await store.open(begun(conversation="conv_1", background=True))
    async with running(tmp_path) as store:
        with pytest.raises(Problem, match="conv_1"):
            await store.open(begun(conversation="conv_1"))
        claim = await store.claim(100.0, 200.0, None)
        assert claim is not None and claim.conversation == "conv_1"
        await store.delete(P, claim.response.id)
        await turn(store, "q", "a", conversation="conv_1")
        assert texts(await store.turns(P, "conv_1")) == ["start", "q", "a"]


async def test_what_was_taken_out_and_seen_by_nobody_leaves_no_row(tmp_path: Path) -> None:
    async with running(tmp_path) as store:
        await store.create(P, Conversation(id="conv_1", created_at=1), [user("x", "msg_1"), user("y", "msg_2")])
        await store.remove(P, "conv_1", "msg_1")
        assert rows(tmp_path) == {"conversation": 1, "item": 1, "entry": 1}
        await store.forget(P, "conv_1")
    assert rows(tmp_path) == {}
