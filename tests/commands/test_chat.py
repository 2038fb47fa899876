"""`antiphon chat`, as a program: against the real server, and against one that plays what ours would not."""

import io
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from antiphon.commands import chat as command
from tests.commands.speaker import BREAK, HANG, answer, event, speaking
from tests.served import Server, free_port

CHAT = [sys.executable, "-m", "antiphon", "chat"]


def chat(lines: Sequence[str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    text = "".join(f"{line}\n" for line in lines)
    return subprocess.run([*CHAT, *arguments], input=text, capture_output=True, text=True, timeout=60, check=False)


def said(asked: dict[str, Any]) -> list[tuple[str, str]]:
    """Who said what in a request."""
    found = []
    for item in asked["input"]:
        content = item["content"]
        found.append((item["role"], content if isinstance(content, str) else content[0]["text"]))
    return found


def test_over_a_pipe_each_line_is_a_turn_and_only_answers_are_output(server: Server) -> None:
    ended = chat(["Say this back", "", '[{"text": "two words"}]'], "--url", server.url)
    assert ended.stdout == "Say this back\ntwo words\n"
    assert re.search(r"^3 tokens.*first after [\d.]+ s$", ended.stderr, re.MULTILINE)
    assert ended.returncode == 0


def test_the_servers_words_when_it_refuses(server: Server) -> None:
    ended = chat(['[{"fail": {"message": "The model has gone."}}]', "go on"], "--url", server.url)
    assert "error: The model has gone." in ended.stderr
    assert ended.stdout == "go on\n"
    assert ended.returncode == 1


def test_history_is_sent_again_until_it_is_forgotten() -> None:
    with speaking(answer("Hel", "lo"), answer("Fine"), answer("New")) as speaker:
        ended = chat(["Hi", "How are you?", "/new", "/system Be kind.", "Who?"], "--url", speaker.url)
    assert ended.stdout == "Hello\nFine\nNew\n"
    first, second, third = speaker.asked
    assert said(first) == [("user", "Hi")]
    assert said(second) == [("user", "Hi"), ("assistant", "Hello"), ("user", "How are you?")]
    assert second["input"][1]["id"] == "msg_1", "an output item goes back as it came"
    assert said(third) == [("user", "Who?")]
    assert "instructions" not in second
    assert third["instructions"] == "Be kind."


def test_models_are_shown_and_changed() -> None:
    with speaking(answer("1"), answer("2")) as speaker:
        ended = chat(["a", "/model", "/model three", "/model two", "b", "/quit", "c"], "--url", speaker.url)
    assert "* one\n  two\n" in ended.stderr
    assert "three is not served here" in ended.stderr
    assert [asked["model"] for asked in speaker.asked] == ["one", "two"]


def test_a_model_that_is_not_served() -> None:
    with speaking() as speaker:
        ended = chat(["a"], "--url", speaker.url, "--model", "three")
    assert ended.stderr == f"antiphon: {speaker.url} does not serve three, but one, two.\n"
    assert ended.returncode == 1


def test_help_and_what_is_no_command() -> None:
    with speaking() as speaker:
        ended = chat(["/help", "/system", "/halp"], "--url", speaker.url, "--system", "Be kind.")
    for name in ("/model", "/system", "/new", "/help", "/quit"):
        assert f"\n{name} " in f"\n{ended.stderr}"
    assert "Be kind." in ended.stderr
    assert "no such command: /halp" in ended.stderr


@pytest.mark.parametrize(
    ("script", "told"),
    [
        ([event("response.output_text.delta", delta="Hel"), BREAK], "the answer broke off"),
        ([event("error", code="server_error", message="Too bad.")], "Too bad."),
        ([event("error", error={"message": "Too bad."})], "Too bad."),
        ([event("response.failed", response={"status": "failed", "error": {"message": "Lost."}})], "Lost."),
    ],
)
def test_a_turn_that_failed_is_told_and_not_sent_again(script: list[bytes], told: str) -> None:
    with speaking(script, answer("Fine")) as speaker:
        ended = chat(["Hi", "Again"], "--url", speaker.url)
    assert f"error: {told}" in ended.stderr
    assert said(speaker.asked[1]) == [("user", "Again")]
    assert ended.returncode == 1


def test_an_answer_that_was_cut_says_so() -> None:
    cut = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}, "output": []}
    with speaking([event("response.incomplete", response=cut)]) as speaker:
        ended = chat(["Hi"], "--url", speaker.url)
    assert "cut at max_output_tokens" in ended.stderr
    assert ended.returncode == 0


def test_ctrl_c_stops_the_answer_only_and_what_was_heard_stays() -> None:
    with (
        speaking([event("response.output_text.delta", delta="Once upon"), HANG], answer("Good")) as speaker,
        subprocess.Popen(
            [*CHAT, "--url", speaker.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as process,
    ):
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"A tale\nThanks\n")
        process.stdin.flush()
        assert process.stdout.read(9) == b"Once upon"
        process.send_signal(signal.SIGINT)
        assert speaker.left.wait(30), "the server learns that nobody listens any more"
        output, notes = process.communicate(timeout=30)
        assert (output, process.returncode) == (b"\nGood\n", 0)
        assert b"stopped" in notes
    assert said(speaker.asked[1]) == [("user", "A tale"), ("assistant", "Once upon"), ("user", "Thanks")]


def test_on_a_terminal_lines_can_be_edited_and_ctrl_c_drops_one() -> None:
    ours, theirs = os.openpty()
    with (
        speaking(answer("Good", " day")) as speaker,
        subprocess.Popen(
            [*CHAT, "--url", speaker.url], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
        ) as process,
    ):
        os.close(theirs)
        try:
            assert b"one at " in _until(ours, b"> ")
            os.write(ours, b"never mind")
            _until(ours, b"mind")
            # Python's readline overlooks a signal that comes just before it waits for a key: press it again.
            while not select.select([ours], [], [], 0.5)[0]:
                os.killpg(process.pid, signal.SIGINT)
            assert b"/quit or Ctrl-D leaves" in _until(ours, b"> ")
            os.write(ours, b"ood\x01G\n")  # Ctrl-A: back to the start of the line
            assert b"\nGood day\r\n" in _until(ours, b"2 tokens")
            os.write(ours, b"/quit\n")
            assert process.wait(30) == 0
        finally:
            process.kill()
            os.close(ours)
    assert said(speaker.asked[0]) == [("user", "Good")]


def _until(terminal: int, wanted: bytes) -> bytes:
    """What the terminal shows until it has shown this."""
    seen = b""
    while wanted not in seen:
        assert select.select([terminal], [], [], 30)[0], seen
        seen += os.read(terminal, 1024)
    return seen


@pytest.fixture
def signals() -> Iterator[None]:
    """Puts back what `chat` sets for its process."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, was in zip(numbers, before, strict=True):
        signal.signal(number, was)


@pytest.mark.usefixtures("signals")
def test_where_none_runs_one_is_started_for_the_conversation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "URL", f"http://127.0.0.1:{free_port()}/v1")
    monkeypatch.setenv("ANTIPHON_DATA", str(tmp_path))
    monkeypatch.setattr("sys.stdin", io.StringIO("Say this back\n"))
    assert command.chat(None, model="scripted", system=None) == 0
    seen = capsys.readouterr()
    assert seen.out == "Say this back\n"
    assert seen.err.startswith("No server is running; starting one for this conversation.\n")
