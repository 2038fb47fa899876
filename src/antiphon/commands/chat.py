"""`antiphon chat`: a conversation in the terminal, or over a pipe with a line for each turn.

Knows nothing of how answers come to be: it speaks to a server as any other client does.
"""

import contextlib
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from types import FrameType
from typing import Any, TextIO

from antiphon.commands import local
from antiphon.commands.client import Answer, Client, Told, Trouble

URL = "http://127.0.0.1:8484/v1"
HELP = """\
/model [NAME]   show the models, or talk to another
/system [TEXT]  show or set what the model is told before the conversation
/new            forget the conversation
/help           this
/quit           leave (or Ctrl-D); Ctrl-C stops an answer"""


@dataclass
class Screen:
    """Where a person, or a program, reads. Answers go to `out`, everything else to `notes`."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    notes: TextIO = field(default_factory=lambda: sys.stderr)

    def say(self, text: str) -> None:
        """A piece of an answer, at once."""
        print(text, end="", flush=True, file=self.out)

    def note(self, text: str) -> None:
        """A line about the conversation; grey on a terminal."""
        self.out.flush()
        print(f"\x1b[2m{text}\x1b[0m" if self.notes.isatty() else text, flush=True, file=self.notes)

    def state(self, text: str) -> None:
        """What is being waited for, in place of what was said of it before; only on a terminal."""
        if self.notes.isatty():
            print(f"\r\x1b[2K\x1b[2m{text}\x1b[0m", end="", flush=True, file=self.notes)


class Clock:
    """Times a turn: when it was asked, when its first and its last piece came."""

    def __init__(self) -> None:
        self._asked = time.monotonic()
        self._first = self._last = 0.0

    def piece(self) -> None:
        """A piece of the answer came just now."""
        self._last = time.monotonic()
        self._first = self._first or self._last

    def told(self, answer: Answer) -> str:
        """The turn in figures. The rate leaves out the wait for the first token."""
        tokens = answer.usage.output_tokens if answer.usage else 0
        if not self._first or not tokens:
            return f"{tokens} tokens"
        spent = self._last - self._first
        rate = f", {(tokens - 1) / spent:.1f} tokens/s" if spent > 0 and tokens > 1 else ""
        return f"{tokens} tokens{rate}, first after {self._first - self._asked:.2f} s"


class Conversation:
    """The model that is talked to, what it was told, and the items so far, which are sent again each turn."""

    def __init__(self, client: Client, screen: Screen, *, model: str, system: str | None) -> None:
        self._client = client
        self._screen = screen
        self.model = model
        self.system = system
        self._items: list[Any] = []

    def forget(self) -> None:
        """Begin anew."""
        self._items.clear()

    def turn(self, text: str) -> bool:
        """Say something and show the answer as it comes. Returns whether one came.

        What was answered before Ctrl-C stays in the conversation; a turn that failed does not.
        """
        asked = {"type": "message", "role": "user", "content": text}
        clock, heard = Clock(), list[str]()
        answer: Answer | None = None
        try:
            with contextlib.closing(self._client.respond(self.model, self.system, [*self._items, asked])) as events:
                for told in events:
                    answer = told.response or answer
                    self._show(told, clock, heard)
        except Trouble as trouble:
            self._close(heard)
            self._screen.note(f"error: {trouble}")
            return False
        except KeyboardInterrupt:
            self._close(heard)
            self._screen.note("stopped")
            said = [{"type": "message", "role": "assistant", "content": "".join(heard)}] if heard else []
            self._items += [asked, *said]
            return True
        self._close(heard)
        return self._ended(answer, asked, clock)

    def _show(self, told: Told, clock: Clock, heard: list[str]) -> None:
        if told.type in ("response.output_text.delta", "response.refusal.delta"):
            clock.piece()
            heard.append(told.delta)
            self._screen.say(told.delta)
        elif told.type == "error":
            raise Trouble(told.error.message if told.error else told.message)

    def _close(self, heard: list[str]) -> None:
        if heard and not heard[-1].endswith("\n"):
            self._screen.say("\n")

    def _ended(self, answer: Answer | None, asked: dict[str, str], clock: Clock) -> bool:
        if answer is None or answer.status not in ("completed", "incomplete"):
            why = answer.error.message if answer and answer.error else "the answer broke off"
            self._screen.note(f"error: {why}")
            return False
        self._items += [asked, *answer.output]
        cut = f", cut at {answer.incomplete_details.reason}" if answer.incomplete_details else ""
        self._screen.note(clock.told(answer) + cut)
        return True


class Desk:
    """Reads lines: turns and commands, until the end."""

    def __init__(self, client: Client, screen: Screen, conversation: Conversation) -> None:
        self._client = client
        self._screen = screen
        self._conversation = conversation
        self._failed = False

    def run(self, lines: Iterable[str]) -> int:
        """Take each line. Returns 0, or 1 where a turn failed."""
        for raw in lines:
            line = raw.strip()
            if line in ("/quit", "/exit"):
                break
            if line.startswith("/"):
                self._command(*line.partition(" ")[::2])
            elif line and not self._conversation.turn(line):
                self._failed = True
        return int(self._failed)

    def _command(self, name: str, rest: str) -> None:
        conversation, note = self._conversation, self._screen.note
        match name, rest.strip():
            case "/help", _:
                note(HELP)
            case "/new", _:
                conversation.forget()
                note("a new conversation")
            case "/system", "":
                note(conversation.system or "nothing is set")
            case "/system", text:
                conversation.system = text
                note("set, from the next turn on")
            case "/model", wanted:
                self._model(wanted)
            case _:
                note(f"no such command: {name}; /help lists them")

    def _model(self, wanted: str) -> None:
        conversation = self._conversation
        try:
            served = self._client.models()
        except Trouble as trouble:
            self._screen.note(f"error: {trouble}")
            return
        if wanted in served:
            conversation.model = wanted
        elif wanted:
            self._screen.note(f"{wanted} is not served here")
        self._screen.note("\n".join(f"{'*' if name == conversation.model else ' '} {name}" for name in served))


def typed(screen: Screen) -> Iterator[str]:
    """Lines from the terminal, with editing; Ctrl-C drops the line, Ctrl-D ends."""
    import readline  # noqa: F401  it lends `input` its line editing by being imported

    while True:
        try:
            yield input("> ")
        except EOFError:
            print(file=screen.out)
            return
        except KeyboardInterrupt:
            print(file=screen.out)
            screen.note("/quit or Ctrl-D leaves")


def chat(url: str | None, *, model: str | None, system: str | None) -> int:
    """Talk until the end of the input. Returns the exit status: 1 where no server answers or a turn failed.

    Without `url`, and where nothing answers at its default, a server is started for the while; it is
    given `model`, which then may also be a file.
    """
    screen = Screen()
    # A closed terminal must also end a server that was started, so these become an exception too.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _leave)
    try:
        with contextlib.ExitStack() as stack:
            client = Client(url) if url else _running()
            if client is None:
                screen.note("No server is running; starting one for this conversation.")
                client, model = stack.enter_context(local.server(model)), None
            return _talk(client, screen, model=model, system=system)
    except Trouble as trouble:
        screen.note(f"antiphon: {trouble}")
        return 1
    except KeyboardInterrupt:
        return 130


def _leave(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def _running() -> Client | None:
    client = Client(URL)
    try:
        client.models()
    except Trouble:
        return None
    return client


def _talk(client: Client, screen: Screen, *, model: str | None, system: str | None) -> int:
    while (loading := client.loading()) is not None:
        screen.state(f"The model is loading. {loading}")
        time.sleep(0.1)
    screen.state("")
    served = client.models()
    if not served:
        raise Trouble(f"{client.url} serves no model.")
    if model is not None and model not in served:
        raise Trouble(f"{client.url} does not serve {model}, but {', '.join(served)}.")
    conversation = Conversation(client, screen, model=model or served[0], system=system)
    desk = Desk(client, screen, conversation)
    if not sys.stdin.isatty():
        return desk.run(sys.stdin)
    screen.note(f"{conversation.model} at {client.url}; /help lists the commands")
    desk.run(typed(screen))
    return 0
