"""Upstreams and models as they are set up: the tables of the file of settings, typed, and what is wrong with them.

Knows nothing of files or lines: a mistake names the path of its key.

    [upstreams.gpu]                       [models.large]
    url = "http://10.0.0.7:8000/v1"       upstreams = ["gpu", "spare"]
    key_env = "GPU_KEY"                   model = "Qwen/Qwen3-32B"
"""

import difflib
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct
from msgspec.inspect import is_struct_type

from antiphon.core.items import JSON
from antiphon.core.prices import Prices
from antiphon.models.upstream import Deadlines, Kind, Takes, Upstream

LONGEST = 7 * 24 * 3600.0
"""The longest deadline, in seconds."""

_UNSENDABLE = "it has blanks, line ends or letters that no header can carry."

Place = tuple[str, ...]
"""The path of a key: `("upstreams", "gpu", "url")`."""


class Mistake(Struct, frozen=True):
    """What is wrong, in a sentence, and where."""

    place: Place
    message: str


class UpstreamTable(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[upstreams.NAME]`. See `Upstream`; the key's text stands in the environment or a file, never here.

    kind
        `chat` or `responses`; None has the server ask.
    """

    url: str
    kind: Kind | None = None
    key_env: str | None = None
    key_file: str | None = None
    weight: float = 1.0
    concurrency: int = 0
    queue: int = 256
    deadlines: Deadlines = Deadlines()
    takes: tuple[Takes, ...] = ("images",)


class ModelTable(Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """`[models.NAME]`.

    upstreams
        names of upstreams, each of which has the model.
    model
        its name there, for all of them or as a table by upstream; by default the name that it has here.
    aliases
        further names that it is served under.
    context
        in tokens; 0 takes what the upstream tells.
    takes
        in the place of the upstreams' own.
    contracts
        the only ones that offer it; none: all.
    prices
        of a million tokens, for the ledger, budgets and metrics.
    """

    upstreams: list[str]
    model: str | dict[str, str] | None = None
    aliases: list[str] = []
    context: int = 0
    takes: tuple[Takes, ...] | None = None
    contracts: tuple[str, ...] = ()
    prices: Prices = Prices()

    def there(self, name: str, upstream: str) -> str:
        """The model's name at an upstream."""
        if isinstance(self.model, dict):
            return self.model.get(upstream, name)
        return self.model or name


class Configured(Struct, frozen=True):
    """Everything that is set up about upstreams. `asked` are those whose kind is to be found out."""

    upstreams: dict[str, Upstream] = {}
    models: dict[str, ModelTable] = {}
    asked: frozenset[str] = frozenset()


def configured(
    tables: Mapping[str, JSON], folder: Path, environ: Mapping[str, str] = os.environ
) -> tuple[Configured, list[Mistake]]:
    """What the tables `upstreams` and `models` say, without what is wrong in them; and what is wrong.

    `folder` is where relative paths of key files begin.
    """
    mistakes: list[Mistake] = []
    upstreams: dict[str, Upstream] = {}
    asked = set()
    for name, table in _tables(tables, "upstreams", mistakes):
        read = _read(UpstreamTable, table, ("upstreams", name), mistakes)
        if read is None:
            continue
        wrong = list(_wrong_upstream(read, ("upstreams", name)))
        key = _key(read, ("upstreams", name), folder, environ)
        if isinstance(key, Mistake):
            wrong.append(key)
        mistakes += wrong
        if not wrong and isinstance(key, str):
            upstreams[name] = _upstream(name, read, key)
            asked |= {name} if read.kind is None else set()
    models: dict[str, ModelTable] = {}
    known = list(tables.get("upstreams") or {}) if isinstance(tables.get("upstreams"), dict) else []
    for name, table in _tables(tables, "models", mistakes):
        model = _read(ModelTable, table, ("models", name), mistakes)
        if model is not None:
            mistakes += _wrong_model(model, ("models", name), known)
            models[name] = model
    mistakes += _taken_twice(models)
    return Configured(upstreams, models, frozenset(asked)), mistakes


def quick(url: str, number: int, environ: Mapping[str, str] = os.environ) -> Upstream:
    """The upstream of `--upstream URL`; its key, where it needs one, stands in ANTIPHON_UPSTREAM_KEY.

    Raises `ValueError` for what is no address, and for what is no key.
    """
    why = _wrong_url(url)
    if why:
        raise ValueError(why)
    host = urlsplit(url).netloc.rpartition("@")[2]
    name = host if number == 0 else f"{host}-{number + 1}"
    key = environ.get("ANTIPHON_UPSTREAM_KEY", "").strip()
    if not _sendable(key):
        raise ValueError(f"ANTIPHON_UPSTREAM_KEY is no key: {_UNSENDABLE}")
    return Upstream(name=name, url=url.rstrip("/"), key=key)


def _tables(tables: Mapping[str, JSON], kind: str, mistakes: list[Mistake]) -> list[tuple[str, dict[str, JSON]]]:
    found = tables.get(kind, {})
    if not isinstance(found, dict):
        mistakes.append(Mistake((kind,), f"'{kind}' holds tables: write [{kind}.NAME]."))
        return []
    for name, table in found.items():
        if not isinstance(table, dict):
            mistakes.append(Mistake((kind, name), f"'{name}' is no table: write [{kind}.NAME], then its keys."))
    return [(name, table) for name, table in found.items() if isinstance(table, dict)]


def _read(kind: type[Any], table: dict[str, JSON], place: Place, mistakes: list[Mistake]) -> Any:
    """The struct that a table stands for; None where it is none. Each wrong key is a mistake of its own."""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    before = len(mistakes)
    for key, value in table.items():
        field = fields.get(key)
        if field is None:
            near = difflib.get_close_matches(key, fields, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(fields)}."
            mistakes.append(Mistake((*place, key), f"There is no key '{key}' here. {hint}"))
            continue
        inner = next((one for one in (field.type, *get_args(field.type)) if is_struct_type(one)), None)
        if inner is not None and isinstance(value, dict):
            _read(inner, value, (*place, key), mistakes)
            continue
        try:
            msgspec.convert(value, field.type)
        except msgspec.ValidationError as fault:
            mistakes.append(Mistake((*place, key), f"'{key}': {str(fault).partition(' - at ')[0]}."))
    mistakes.extend(
        Mistake(place, f"The key '{name}' is missing.")
        for name, field in fields.items()
        if field.required and name not in table
    )
    return msgspec.convert(table, kind) if len(mistakes) == before else None


def _wrong_url(url: str) -> str:
    shown = "This" if "@" in url or "?" in url else f"'{url}'"  # what may hold a key is not told
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"{shown} is no address."
    if parts.scheme not in ("http", "https") or not host:
        return f"{shown} is no address: it begins with http:// or https://, as http://127.0.0.1:8000/v1 does."
    if parts.username is not None or parts.password is not None:
        return "A key doesn't stand in the address: name it with key_env or key_file."
    if parts.query or parts.fragment:
        return (
            "An address ends with its path: no route could keep what stands behind a ? or #, and no key stands there."
        )
    return ""


def _wrong_upstream(table: UpstreamTable, place: Place) -> list[Mistake]:
    bounds: list[tuple[str, bool, str]] = [
        ("url", bool(why := _wrong_url(table.url)), why),
        ("weight", not 0 < table.weight < math.inf, "'weight' is more than 0."),
        ("concurrency", table.concurrency < 0, "'concurrency' is 0 for no bound, or more."),
        ("queue", table.queue < 0, "'queue' is 0 or more."),
        ("key_file", bool(table.key_env and table.key_file), "A key comes from 'key_env' or from 'key_file'."),
    ]
    given = msgspec.structs.asdict(table.deadlines).items()
    slow = [name for name, seconds in given if not 0 < seconds <= LONGEST]
    bounds += [
        ("deadlines", True, f"'deadlines.{name}' is more than 0 and at most a week, in seconds.") for name in slow
    ]
    return [Mistake((*place, key), message) for key, wrong, message in bounds if wrong]


def _wrong_model(table: ModelTable, place: Place, known: list[str]) -> list[Mistake]:
    found = []
    if not table.upstreams:
        found.append(Mistake((*place, "upstreams"), "'upstreams' names at least one."))
    for name in table.upstreams:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"Did you mean '{near[0]}'?" if near else f"There are: {', '.join(known) or 'none'}."
            found.append(Mistake((*place, "upstreams"), f"There is no upstream '{name}'. {hint}"))
    if isinstance(table.model, dict):
        found += [
            Mistake((*place, "model"), f"'model' names '{name}', which is not in 'upstreams'.")
            for name in table.model
            if name not in table.upstreams
        ]
    given = msgspec.structs.asdict(table.prices).items() if table.prices else ()
    found += [
        Mistake((*place, "prices"), f"'prices.{name}' is 0 or more.")
        for name, price in given
        if price is not None and not 0 <= price < math.inf
    ]
    if table.context < 0:
        found.append(Mistake((*place, "context"), "'context' is 0 for unknown, or more."))
    return found


def _taken_twice(models: Mapping[str, ModelTable]) -> list[Mistake]:
    taken = {name: name for name in models}
    found = []
    for name, table in models.items():
        for alias in table.aliases:
            if alias in taken:
                message = f"The name '{alias}' is that of '{taken[alias]}' already."
                found.append(Mistake(("models", name, "aliases"), message))
            taken.setdefault(alias, name)
    return found


def _key(table: UpstreamTable, place: Place, folder: Path, environ: Mapping[str, str]) -> str | Mistake:
    if table.key_env is not None:
        key = environ.get(table.key_env, "").strip()
        if not key:
            return Mistake((*place, "key_env"), f"The variable {table.key_env} is not set in the environment.")
        return key if _sendable(key) else Mistake((*place, "key_env"), f"{table.key_env} is no key: {_UNSENDABLE}")
    if table.key_file is not None:
        path = folder / Path(table.key_file).expanduser()
        try:
            key = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as fault:
            why = fault.strerror if isinstance(fault, OSError) else "it is no text"
            return Mistake((*place, "key_file"), f"The key can't be read from {path}: {why}.")
        if not key:
            return Mistake((*place, "key_file"), f"{path} is empty.")
        return key if _sendable(key) else Mistake((*place, "key_file"), f"{path} holds no key: {_UNSENDABLE}")
    return ""


def _sendable(key: str) -> bool:
    """Whether a header can carry a key."""
    return all("!" <= letter <= "~" for letter in key)


def _upstream(name: str, table: UpstreamTable, key: str) -> Upstream:
    return Upstream(
        name=name,
        url=table.url.rstrip("/"),
        kind=table.kind or "chat",
        key=key,
        weight=table.weight,
        concurrency=table.concurrency,
        queue=table.queue,
        deadlines=table.deadlines,
        takes=frozenset(table.takes),
    )
