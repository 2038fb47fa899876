"""Every fault of an upstream, through the whole server: before the first word, after it; streamed, and not."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from antiphon.models.upstream import Deadlines, Kind, Upstream
from tests.asgi import Rooms, until
from tests.models.test_probe import self_signed
from tests.served import free_port
from tests.upstreams.behaviours import dripping, head, in_turn, refusing, speaking
from tests.upstreams.fake import Fake, faking
from tests.upstreams.faults import AFTER, BEFORE, SLOW, Fault
from tests.upstreams.front import ONCE, end_of, front
from tests.upstreams.speech import HELLO, SPEECH, SPOKEN

pytestmark = pytest.mark.anyio

STREAMED = pytest.mark.parametrize("streamed", [True, False], ids=["streamed", "whole"])
KINDS = pytest.mark.parametrize("kind", ["chat", "responses"])
SILENCE = Deadlines(first=0.3, total=0.4)
"""For what says nothing."""
PAUSE = Deadlines(idle=0.3)
"""For what says nothing more."""
CONNECT = Deadlines(connect=0.2)


def text_of(response: dict[str, Any]) -> str:
    return "".join(part["text"] for item in response["output"] for part in item.get("content", ()))


@KINDS
@STREAMED
@pytest.mark.parametrize("fault", BEFORE.values(), ids=BEFORE)
async def test_before_the_first_word_it_is_the_status(fault: Fault, kind: Kind, *, streamed: bool) -> None:
    async with faking(fault.behaviour(kind)) as fake, front(fake.upstream(kind)) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.error()[:2] == (fault.status, fault.code)
        # Where an answer in one piece takes too long for somebody between, a stream may not.
        assert len(fake.asked) == fault.tries + (not streamed and fault.status in (408, 504))
    message = answer.json()["error"]["message"]
    assert message and "<" not in message and "\n" not in message


@KINDS
@STREAMED
@pytest.mark.parametrize("fault", BEFORE.values(), ids=BEFORE)
async def test_the_next_upstream_of_the_model_takes_it(fault: Fault, kind: Kind, *, streamed: bool) -> None:
    async with (
        faking(fault.behaviour(kind)) as broken,
        faking(speaking(SPEECH[kind])) as good,
        front(broken.upstream(kind, "a"), good.upstream(kind, "b")) as rooms,
    ):
        for number in range(3):  # some begin with the one, some with the other
            answer = await rooms.create(f"talk {number}", model="m", stream=streamed)
            assert text_of(end_of(answer, streamed=streamed)) == HELLO
        assert broken.asked and len(good.asked) == 3


@KINDS
@STREAMED
@pytest.mark.parametrize("name", [name for name, fault in BEFORE.items() if fault.tries == 3])
async def test_what_passes_is_not_noticed(name: str, kind: Kind, *, streamed: bool) -> None:
    failing = BEFORE[name].behaviour(kind)
    behaviour = in_turn(failing, failing, speaking(SPEECH[kind]))
    async with faking(behaviour) as fake, front(fake.upstream(kind)) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert text_of(end_of(answer, streamed=streamed)) == HELLO
        assert len(fake.asked) == 3


@KINDS
@STREAMED
@pytest.mark.parametrize("fault", SLOW.values(), ids=SLOW)
async def test_silence_is_not_waited_for_beyond_its_deadline(fault: Fault, kind: Kind, *, streamed: bool) -> None:
    async with faking(fault.behaviour(kind)) as fake, _once(fake, kind, SILENCE) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.error()[:2] == (fault.status, fault.code)
        await until(lambda: fake.left == len(fake.asked))


def _patience(fault: Fault, *, streamed: bool) -> Deadlines:
    """Little where there is silence; else enough for a machine with much to do."""
    if fault.status != 504:
        return Deadlines()
    return PAUSE if streamed else SILENCE


def _once(fake: Fake, kind: Kind, deadlines: Deadlines) -> AbstractAsyncContextManager[Rooms]:
    """A server that asks once, and waits no longer than that."""
    return front(fake.upstream(kind, deadlines=deadlines), retries=ONCE)


@KINDS
@STREAMED
@pytest.mark.parametrize("fault", AFTER.values(), ids=AFTER)
async def test_after_the_first_word_the_response_fails(fault: Fault, kind: Kind, *, streamed: bool) -> None:
    """Not streamed there is no first word: the answer is whole or it is none."""
    async with faking(fault.behaviour(kind)) as fake, _once(fake, kind, _patience(fault, streamed=streamed)) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        if streamed:
            response = end_of(answer, streamed=True)
            assert (response["status"], response["error"]["code"]) == ("failed", fault.code)
            assert text_of(response) == "Hel"
            assert len(fake.asked) == 1
        else:
            stalled = fault.status == 504
            assert answer.error()[:2] == ((504, "upstream_timeout") if stalled else (502, "server_error"))


@KINDS
@pytest.mark.parametrize("fault", AFTER.values(), ids=AFTER)
async def test_a_background_response_fails_alike_and_can_be_read_again(fault: Fault, kind: Kind) -> None:
    async with faking(fault.behaviour(kind)) as fake, _once(fake, kind, _patience(fault, streamed=True)) as rooms:
        made = await rooms.made("hi", model="m", background=True)
        response = await rooms.at(made["id"], "failed")
        assert response["error"]["code"] == fault.code
        replay = await rooms.ask("GET", f"/v1/responses/{made['id']}?stream=true")
        assert replay.events()[-1]["response"]["error"]["code"] == fault.code


@STREAMED
async def test_nobody_listens(*, streamed: bool) -> None:
    gone = Upstream(name="up", url=f"http://127.0.0.1:{free_port()}/v1")
    async with front(gone) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert answer.error()[:2] == (502, "server_error")
        assert answer.json()["error"]["message"] == "The upstream 'up' can't be reached: Connection refused."


@STREAMED
async def test_nobody_takes_the_connection(*, streamed: bool) -> None:
    """A port whose queue is full: what knocks there gets no answer."""
    with socket.socket() as listening, socket.socket() as first, socket.socket() as second:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(listening.getsockname())
        full = Upstream(name="up", url=f"http://127.0.0.1:{listening.getsockname()[1]}/v1", deadlines=CONNECT)
        async with front(full) as rooms:
            answer = await rooms.create("hi", model="m", stream=streamed)
    assert answer.error()[:2] == (504, "upstream_timeout")
    assert "could not be connected to within 0.2 seconds" in answer.json()["error"]["message"]


@STREAMED
async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path, *, streamed: bool) -> None:
    async with faking(speaking(SPEECH["chat"]), self_signed(tmp_path)) as fake, front(fake.upstream()) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        assert fake.asked == []
    message = answer.json()["error"]["message"]
    assert answer.error()[:2] == (502, "server_error")
    assert message.startswith("The upstream 'up' can't be trusted: TLS: ") and "\n" not in message


@STREAMED
@pytest.mark.parametrize(("address", "trusted"), [("127.0.0.1", True), ("127.0.0.2", False)])
async def test_a_certificate_that_the_system_was_told_to_trust(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, trusted: bool, streamed: bool
) -> None:
    tls = self_signed(tmp_path, address)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    async with faking(speaking(SPEECH["chat"]), tls) as fake, front(fake.upstream()) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        if trusted:
            assert text_of(end_of(answer, streamed=streamed)) == HELLO
        else:  # it is another's
            assert "can't be trusted: TLS: " in answer.json()["error"]["message"]
            assert fake.asked == []


@pytest.mark.parametrize(("spoken", "tls"), [("https", False), ("http", True)], ids=["TLS to none", "none to TLS"])
async def test_one_side_speaks_tls_and_the_other_does_not(spoken: str, tmp_path: Path, *, tls: bool) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(head(400))
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0, ssl=self_signed(tmp_path) if tls else None)
    url = f"{spoken}://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with front(Upstream(name="up", url=url)) as rooms:
        answer = await rooms.create("hi", model="m")
    server.close()
    assert answer.error()[:2] == (502, "server_error")
    assert "\n" not in answer.json()["error"]["message"]


async def test_no_such_host() -> None:
    async with front(Upstream(name="up", url="http://nowhere.invalid/v1")) as rooms:
        answer = await rooms.create("hi", model="m")
    assert answer.error()[:2] == (502, "server_error")
    assert answer.json()["error"]["message"] == "The upstream 'up' can't be found: its host has no address."


@KINDS
@STREAMED
async def test_an_answer_without_an_end_is_ended(kind: Kind, *, streamed: bool) -> None:
    piece = SPEECH[kind].frames[SPOKEN[kind] - 1]
    deadlines = Deadlines(total=0.6)
    async with faking(dripping(SPEECH[kind], SPOKEN[kind], piece)) as fake, _once(fake, kind, deadlines) as rooms:
        answer = await rooms.create("hi", model="m", stream=streamed)
        if streamed:
            response = end_of(answer, streamed=True)
            assert (response["status"], response["error"]["code"]) == ("failed", "upstream_timeout")
            assert text_of(response).startswith("HelHel")
        else:
            assert answer.error()[:2] == (504, "upstream_timeout")
        await until(lambda: fake.left == 1)


@asynccontextmanager
async def deaf(answer: bytes) -> AsyncIterator[Upstream]:
    """An upstream that reads no more than the head of a request, and answers so; with nothing, it waits."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if not answer:
            await gone.wait()
        writer.write(answer)
        await writer.drain()
        writer.close()

    gone = asyncio.Event()
    server = await asyncio.start_server(connected, "127.0.0.1", 0, limit=1024)
    try:
        yield Upstream(name="up", url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", deadlines=SILENCE)
    finally:
        gone.set()
        server.close()


LONG = "word " * 150_000


@STREAMED
async def test_one_that_takes_nothing(*, streamed: bool) -> None:
    async with deaf(b"") as upstream, front(upstream, retries=ONCE) as rooms:
        answer = await rooms.create(LONG, model="m", stream=streamed)
        assert answer.error()[:2] == (504, "upstream_timeout")


@STREAMED
async def test_one_that_answers_before_it_has_heard_all(*, streamed: bool) -> None:
    """Its answer is told where it comes before the connection breaks; either way it is no 200 and no hanging."""
    refusal = head(413, content_length=0, connection="close")
    async with deaf(refusal) as upstream, front(upstream, retries=ONCE) as rooms:
        answer = await rooms.create(LONG, model="m", stream=streamed)
        assert answer.status in (413, 502)


async def test_counting_meets_the_same_faults() -> None:
    for status, told in ((503, 503), (429, 429), (401, 200), (404, 200)):
        async with faking(refusing(status)) as fake, front(fake.upstream()) as rooms:
            body = {"model": "m", "input": "hi"}
            answer = await rooms.ask("POST", "/v1/responses/input_tokens", body)
            assert answer.status == told, status
            assert told != 200 or answer.json()["estimated"] is True
