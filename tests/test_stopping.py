"""SIGTERM: what is being read comes to its end, background work is handed back, nothing is lost (DESIGN §4)."""

import asyncio
import json
import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.crash.client import ENDED, POLL, Asked, Client
from tests.grammar import check_stream, parse_sse
from tests.served import command, environment, free_port, running

pytestmark = pytest.mark.anyio

WORDS = " ".join(f"word{number}" for number in range(40))


def asking(delay: float, **options: bool) -> Asked:
    """A request that is answered with 40 words, `delay` seconds before each."""
    body = {"model": "scripted", "input": json.dumps([{"text": WORDS, "delay": delay}])}
    return Asked(body | options, [("message", WORDS)])


async def begun(*asked: Asked) -> None:
    """Wait until each is known to its client by an id and, where it is streamed, has said something."""
    while not all(one.name and (not one.streamed or b"output_text.delta" in one.raw) for one in asked):  # noqa: ASYNC110  readers fill them
        await asyncio.sleep(0.01)


async def test_what_is_read_ends_and_background_goes_on_elsewhere(tmp_path: Path) -> None:
    foreground = asking(0.03, stream=True)
    background = [asking(0.08, background=True) for _ in range(6)]  # four are carried, the others wait
    streamed = asking(0.08, background=True, stream=True)
    with running("scripted", tmp_path) as (server, process):
        client = Client(server.url)
        asked = [foreground, *background, streamed]
        tasks = [asyncio.ensure_future(client.create(one)) for one in asked]
        await begun(foreground, *background, streamed)
        read = len(streamed.events)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
        await asyncio.gather(*tasks)
        await client.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))
    final = check_stream(parse_sse(foreground.raw))
    assert (final["status"], final["output"][0]["content"][0]["text"]) == ("completed", WORDS)
    assert not streamed.done and len(streamed.events) >= read
    assert "Traceback" not in server.wrote()
    with running("scripted", tmp_path) as (server, _):
        client = Client(server.url)
        kept = await client.get(foreground)
        assert kept == (200, final)
        await client.follow(streamed)
        assert streamed.faults == []
        assert spoken(check_stream(parse_sse(streamed.raw))) == WORDS
        for one in background:
            assert spoken(await ended(client, one)) == WORDS
        await client.close()


def spoken(response: dict[str, object]) -> str:
    """The text of a response that is complete, with one message."""
    assert response["status"] == "completed", response
    (message,) = response["output"]  # type: ignore[misc]  # an opaque JSON value
    return str(message["content"][0]["text"])


async def ended(client: Client, asked: Asked) -> dict[str, object]:
    while True:
        status, response = await client.get(asked)
        assert status == 200
        if response["status"] in ENDED:
            return response
        await asyncio.sleep(POLL)


async def test_what_takes_longer_than_the_grace_is_cancelled(tmp_path: Path) -> None:
    slow = asking(10, stream=True)
    slow.body["input"] = json.dumps([{"text": "begun", "whole": True}, {"text": WORDS, "delay": 10}])
    with running("scripted", tmp_path, "--shutdown-grace", "1") as (server, process):
        client = Client(server.url)
        task = asyncio.ensure_future(client.create(slow))
        await begun(slow)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.to_thread(process.wait, 30) == 0
        await task
        await client.close()
    told = check_stream(parse_sse(slow.raw))
    assert told["status"] == "cancelled", "whoever was reading is told how it ended"
    with running("scripted", tmp_path) as (server, _):
        client = Client(server.url)
        status, response = await client.get(slow)
        assert (status, response["status"]) == (200, "cancelled")
        await client.close()


async def test_a_second_server_is_kept_out(tmp_path: Path) -> None:
    with running("scripted", tmp_path) as (server, _):
        second = await asyncio.to_thread(
            subprocess.run,
            command("scripted", tmp_path, free_port()),
            cwd=tmp_path,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 1
        assert second.stderr == (
            f"antiphon: Another server uses the data folder {tmp_path}; "
            "stop it, or choose another folder with --data.\n"
        )
        client = Client(server.url)
        asked = asking(0)
        await client.create(asked)
        assert asked.answer is not None and spoken(asked.answer) == WORDS
        await client.close()
    with running("scripted", tmp_path):
        """Once the first has ended, the folder is free."""


def test_an_interrupt_from_the_keyboard_ends_it_too(tmp_path: Path) -> None:
    with running("scripted", tmp_path) as (_, process):
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
