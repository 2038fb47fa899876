"""`antiphon connect`: what a client has to be told to use this server, printed, or written to the client's own file.

Knows nothing of the server but its address, its models and whether it asks for a key. The text of a key is never
written: a client reads it from the environment, or from its own store of keys.
"""

import json
import os
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from string import Template
from typing import Final

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from antiphon.commands import merging
from antiphon.commands.client import Client, Refused, Trouble
from antiphon.commands.models import PIPED_WIDTH

KEY: Final = "ANTIPHON_API_KEY"
"""The variable in which a client finds its key."""
NO_KEY: Final = "none"
"""What stands for a key where the server asks for none: most clients want some text."""


class Known(Struct):
    """A client that is known; see clients.toml."""

    title: str
    get: str
    run: str = ""
    file: str = ""
    text: str = ""
    environment: dict[str, str] = {}
    makes_room: bool = False


class Wanted(Struct):
    """The server that is asked for: `model` is None for its first, `context` where nothing is said of it."""

    url: str
    model: str | None = None
    context: int | None = None


class Aim(Struct):
    """The server that a client is turned to. `context` is in tokens, None where nothing is said of it."""

    url: str
    model: str
    keyed: bool
    context: int | None = None


class Told(Struct):
    """What came of it, for programs. `text` is the whole file, where `file` names one; `wrote` says that it was
    written, and `backup` where what stood there before is now."""

    name: str
    title: str
    url: str
    model: str
    key: str | None
    environment: dict[str, str]
    text: str
    file: str | None = None
    wrote: bool = False
    backup: str | None = None


class Own(Struct):
    """A client's own file: where it is, what becomes of its text, and of an empty one."""

    path: Callable[[Mapping[str, str]], Path]
    merged: Callable[[str, Aim], str]


def known() -> dict[str, Known]:
    """The clients, by name."""
    text = resources.files(__package__).joinpath("clients.toml").read_bytes()
    return msgspec.toml.decode(text, type=dict[str, Known])


def run(name: str | None, wanted: Wanted, *, write: bool, as_json: bool) -> int:
    """List the clients, or connect one to the server; gives the status to exit with."""
    if name is None:
        listed(as_json=as_json)
        return 0
    if name not in (clients := known()):
        return _failed(f"there is no client {name!r}. There are: {', '.join(clients)}.")
    try:
        aim = aimed(wanted)
    except Trouble as trouble:
        return _failed(str(trouble))
    return connect(name, aim, write=write, as_json=as_json)


def listed(*, as_json: bool) -> None:
    """List the clients to standard output: a table, or a JSON object by name."""
    clients = known()
    files = {name: str(_OWN[one.file].path(os.environ)) if one.file else None for name, one in clients.items()}
    if as_json:
        told = {name: {"title": one.title, "get": one.get, "file": files[name]} for name, one in clients.items()}
        print(json.dumps(told, indent=2))
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("NAME", "WHAT", "TO BE HAD BY", "ITS FILE"):
        table.add_column(head, no_wrap=True)
    for name, one in clients.items():
        table.add_row(name, one.title, one.get, files[name] or "none: variables and a few lines")
    console = Console(markup=False, highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
    console.print(table)
    console.print("\n`antiphon connect NAME` prints what one needs; --write puts it in its file.", soft_wrap=True)


def connect(name: str, aim: Aim, *, write: bool, as_json: bool) -> int:
    """Print, or write, what a client needs; gives the status to exit with."""
    client = known()[name]
    if aim.context is not None and not client.makes_room:
        return _failed(f"{client.title} has no setting for a model's context: leave --context out.")
    if write and not client.file:
        return _failed(f"{client.title} has no file of settings: take what `antiphon connect {name}` prints.")
    try:
        told = _own(name, client, aim, write=write) if client.file else printed(name, aim)
    except (merging.Unmergeable, OSError, UnicodeDecodeError) as fault:
        path = _OWN[client.file].path(os.environ)
        return _failed(f"{path} is left as it is: {fault}. Add what `antiphon connect {name}` prints yourself.")
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(told), indent=2).decode())
    else:
        _say(told, client)
    return 0


def aimed(wanted: Wanted) -> Aim:
    """The server, asked for its models.

    A server that doesn't answer is taken at its word where `model` is named, and taken to ask for a key. Raises
    `Trouble` where nothing can be said of the model, or the server doesn't have it.
    """
    url, model = Client(wanted.url).url, wanted.model
    try:
        names, keyed = Client(url).models(), False
    except Refused as refusal:
        key = os.environ.get(KEY)
        if refusal.status == 404:
            raise Trouble(f"{refusal} Most base URLs end in /v1.") from refusal
        if refusal.status != 401:
            raise
        if key is None and model is None:
            raise Trouble(f"{refusal} Set {KEY}, or name the model with --model.") from refusal
        names, keyed = Client(url, key).models() if key is not None else [], True
    except Trouble as trouble:
        if model is None:
            raise Trouble(f"{trouble}: start the server, or name the model with --model.") from trouble
        print(f"antiphon: {trouble}: the model is taken as it is named.", file=sys.stderr)
        names, keyed = [], True
    if model is None and not names:
        raise Trouble(f"{url} has no model: name one with --model.")
    if model is not None and names and model not in names:
        raise Trouble(f"{url} has no model {model!r}. It has: {', '.join(names)}.")
    return Aim(url, model or names[0], keyed, wanted.context)


def printed(name: str, aim: Aim) -> Told:
    """What is told of a client that has variables and a few lines of a program."""
    client = known()[name]
    text = Template(client.text.lstrip("\n")).substitute(url=json.dumps(aim.url), model=json.dumps(aim.model))
    key = f"${KEY}" if aim.keyed else NO_KEY
    environment = {"OPENAI_BASE_URL": aim.url, "OPENAI_API_KEY": key} | client.environment
    return Told(name, client.title, aim.url, aim.model, _key(aim), environment, text)


def _own(name: str, client: Known, aim: Aim, *, write: bool) -> Told:
    """What is told of a client that has a file of its own, which is written where that is wanted."""
    own = _OWN[client.file]
    path = own.path(os.environ)
    told = Told(name, client.title, aim.url, aim.model, _key(aim), {}, own.merged("", aim), str(path))
    if not write:
        return told
    before = _standing(path)
    plain = (before or "").replace("\r\n", "\n")
    told.text = own.merged(plain, aim)
    if told.text != plain or before is None:
        ends = "\r\n" if 0 < plain.count("\n") == (before or "").count("\r\n") else "\n"
        told.backup = str(_put(path, told.text.replace("\n", ends)) or "") or None
        told.wrote = True
    return told


def _standing(path: Path) -> str | None:
    """What a file says, with its own ends of lines; None where there is none."""
    if not path.exists():
        return None
    if path.is_fifo() or path.is_char_device():  # reading would not come to an end
        raise merging.Unmergeable("it is no plain file")
    return path.read_bytes().decode()


def _key(aim: Aim) -> str | None:
    return KEY if aim.keyed else None


def _say(told: Told, client: Known) -> None:
    """For a person: what is to be copied goes to standard output, what is to be known beside it."""
    if told.file is None:
        print(f"# {told.title}: {client.get}")
        for name, value in told.environment.items():
            print(f"export {name}=" + (f'"{value}"' if value.startswith("$") else shlex.quote(value)))
        print()
    if told.file is None or not told.wrote:
        print(told.text, end="")
    for line in _notes(told, client):
        print(line, file=sys.stderr)


def _notes(told: Told, client: Known) -> list[str]:
    found = []
    if told.backup:
        found.append(f"What stood in {told.file} before is in {told.backup}.")
    if told.wrote:
        found.append(f"{told.file} is written. Try: {client.run.replace('MODEL', told.model)}")
    elif told.file:
        found.append(f"This belongs in {told.file}; --write puts it there.")
    if told.key and told.name == "llm":
        found.append("The server asks for a key: llm keys set antiphon")
    elif told.key:
        found.append(f"The server asks for a key: put it in {told.key}.")
    return found


def _put(path: Path, text: str) -> Path | None:
    """Write a file in one go, and say where the one before is kept; a link stays one."""
    path = Path(os.path.realpath(path))
    if path.is_symlink():
        raise merging.Unmergeable("it is a link that leads to itself")
    path.parent.mkdir(parents=True, exist_ok=True)
    backup = None
    if path.exists():
        names = (path.with_name(f"{path.name}.bak{number or ''}") for number in range(1000))
        backup = next(name for name in names if not name.exists())
        shutil.copy2(path, backup)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as new:
        new.write(text.encode())
    if backup is not None:
        shutil.copymode(backup, new.name)
    Path(new.name).replace(path)
    return backup


def _failed(why: str) -> int:
    print(f"antiphon: {why}", file=sys.stderr)
    return 1


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or Path.home())


def _codex_path(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("CODEX_HOME") or _home(environ) / ".codex") / "config.toml"


def _codex(text: str, aim: Aim) -> str:
    """Codex compacts by itself before its window is full, so it has to know how large that is."""
    window: dict[str, merging.Plain] = {} if aim.context is None else {"model_context_window": aim.context}
    provider: dict[str, merging.Plain] = {
        "name": "Antiphon",
        "base_url": aim.url,
        "wire_api": "responses",
        "supports_websockets": True,
        **({"env_key": KEY} if aim.keyed else {}),
    }
    wanted: merging.Tree = {
        "model": aim.model,
        "model_provider": "antiphon",
        **window,
        "model_providers.antiphon": provider,
    }
    return merging.toml(text, wanted)


def _llm_path(environ: Mapping[str, str]) -> Path:
    config = Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")
    if sys.platform == "darwin":
        config = _home(environ) / "Library" / "Application Support"
    folder = environ.get("LLM_USER_PATH") or config / "io.datasette.llm"
    return Path(folder) / "extra-openai-models.yaml"


def _llm(text: str, aim: Aim) -> str:
    """The key is the one that llm keeps under the name `antiphon`."""
    entry: dict[str, merging.Plain] = {
        "model_id": f"antiphon/{aim.model}",
        "model_name": aim.model,
        "api_base": aim.url,
        "responses": True,
        "supports_tools": True,
        "supports_schema": True,
        **({"api_key_name": "antiphon"} if aim.keyed else {}),
    }
    return merging.yaml_list(text, entry)


def _opencode_path(environ: Mapping[str, str]) -> Path:
    config = Path(environ.get("XDG_CONFIG_HOME") or _home(environ) / ".config")
    return Path(environ.get("OPENCODE_CONFIG") or config / "opencode" / "opencode.json")


def _opencode(text: str, aim: Aim) -> str:
    """Its provider of the name `@ai-sdk/openai` is the one that speaks Responses."""
    limit = {} if aim.context is None else {"limit": {"context": aim.context, "output": min(4096, aim.context // 2)}}
    provider: merging.Tree = {
        "npm": "@ai-sdk/openai",
        "name": "Antiphon",
        "options": {"baseURL": aim.url, "apiKey": f"{{env:{KEY}}}" if aim.keyed else NO_KEY},
        "models": {aim.model: {"name": aim.model, **limit}},
    }
    wanted: merging.Tree = {
        "$schema": "https://opencode.ai/config.json",
        "model": f"antiphon/{aim.model}",
        "provider": {"antiphon": provider},
    }
    return merging.as_json(text, wanted)


_OWN: Final = {
    "codex": Own(_codex_path, _codex),
    "llm": Own(_llm_path, _llm),
    "opencode": Own(_opencode_path, _opencode),
}
