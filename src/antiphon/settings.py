"""Settings: the one dataclass behind the flags, `ANTIPHON_…` in the environment and the keys of `antiphon.toml`.

Knows nothing of what is done with a setting; `app.py` reads it.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

FILE = "antiphon.toml"
TABLES = ("upstreams", "models")
"""Keys of the file that hold tables, and are no flags: `config` reads them."""


def data_folder(environ: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Where models and data are kept: the XDG data folder, on macOS the user's Application Support."""
    home = Path(environ.get("HOME") or Path.home())
    if platform == "darwin":
        return home / "Library" / "Application Support" / "antiphon"
    base = environ.get("XDG_DATA_HOME", "")
    # The XDG rules: a relative path is to be ignored.
    return (Path(base) if Path(base).is_absolute() else home / ".local" / "share") / "antiphon"


def file_of(config: Path | None) -> Path | None:
    """The file of settings: the one that was named, else the one in the current folder; None where there is none."""
    path = (config or Path(FILE)).expanduser()
    return path if path.is_file() else None


def loopback(host: str) -> bool:
    """Whether an address or name to listen on reaches no further than this machine."""
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _log_format() -> Literal["console", "json"]:
    return "console" if sys.stderr.isatty() else "json"


def _networks(_hint: object, given: tuple[str, ...]) -> None:
    """See that every proxy is an address or a network. Raises `ValueError`."""
    for one in given:
        try:
            ip_network(one.strip(), strict=False)
        except ValueError:
            raise ValueError(f"{one} is neither an IP address nor a network such as 10.0.0.0/8.") from None


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Place:
    """What every command that touches the user's files can be told."""

    config: Path | None = None
    """The file of settings. [default: antiphon.toml in the current folder, if there is one]"""

    data: Path = field(default_factory=data_folder)
    """The folder of models and data."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Reach(Place):
    """Where this server is, and which others stand behind it."""

    host: str = "127.0.0.1"
    """The address to listen on."""

    port: Annotated[int, Parameter(validator=Number(gte=1, lte=65535))] = 8484
    """The port to listen on."""

    upstream: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """The address of a server whose models are served here, such as http://127.0.0.1:8000/v1. Its key, where it \
needs one, stands in ANTIPHON_UPSTREAM_KEY. With one, the embedded model is served only where --model names it."""


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Settings(Reach):
    """All that can be set. The first sentence under a field is what `--help` says of it."""

    model: str | None = None
    """The model: a name of `antiphon models`, a path to a GGUF file, or hf:ORG/REPO:FILE. [default: the catalogue's]"""

    contract: str = "openai"
    """The contract that stands at /v1. Every contract stands at /NAME/v1 as well."""

    contract_file: Annotated[tuple[Path, ...], Parameter(negative="", show_default=False)] = ()
    """A contract of one's own: a TOML file that says what differs from one that there is."""

    ephemeral: Annotated[bool, Parameter(negative="", show_default=False)] = False
    """Keep responses in memory only: none is written, and all end with the process."""

    keep_days: Annotated[int, Parameter(validator=Number(gte=0))] = 30
    """Days for which a response is kept; 0 keeps it for ever."""

    keep_log_hours: Annotated[int, Parameter(validator=Number(gte=0))] = 24
    """Hours after its end for which a stream can be resumed, event for event."""

    background: Annotated[int, Parameter(validator=Number(gte=1, lte=1024))] = 4
    """How many background responses are made at once; the others wait in order."""

    no_auth: Annotated[bool, Parameter(negative="", show_default=False)] = False
    """Serve without keys on an address that others can reach. Does nothing once there has been a key."""

    admin_key: Annotated[str | None, Parameter(show_default=False)] = field(default=None, repr=False)
    """A key for everything, the administration included; from then on every request needs a key. Better given as \
ANTIPHON_ADMIN_KEY: others on this machine can see flags."""

    trusted_proxies: Annotated[tuple[str, ...], Parameter(negative="", show_default=False, validator=_networks)] = ()
    """Proxies, by address or network, that are believed when X-Forwarded-For says for whom they ask."""

    allowed_origins: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """Origins of web pages that may call, such as https://app.example."""

    allowed_hosts: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """Names that the Host header may give besides those of this machine."""

    fetch_allowed: Annotated[tuple[str, ...], Parameter(negative="", show_default=False)] = ()
    """Addresses (host:port) from which files and pictures may be fetched though they are not public."""

    max_output_tokens: Annotated[int, Parameter(validator=Number(gte=16))] = 4096
    """The bound on a response's output where the request sets none, in tokens."""

    max_body_mib: Annotated[int, Parameter(validator=Number(gte=1, lte=1024))] = 64
    """The largest request body, in MiB."""

    heartbeat: Annotated[float, Parameter(validator=Number(gt=0))] = 15.0
    """A silent stream gets a comment after that many seconds."""

    websocket: bool = True
    """Take WebSockets; without, clients fall back to HTTP."""

    websocket_minutes: Annotated[float, Parameter(validator=Number(gt=0))] = 60
    """Minutes that a WebSocket may last."""

    websocket_lanes: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 1
    """How many responses may be made at once over one WebSocket, each with a stream_id of its own."""

    context: Annotated[int, Parameter(validator=Number(gte=1024))] = 16384
    """The context that the embedded model's slots share, in tokens."""

    slots: Annotated[int, Parameter(validator=Number(gte=1, lte=64))] = 4
    """How many requests the embedded model answers at once."""

    queue: Annotated[int, Parameter(validator=Number(gte=0))] = 64
    """How many requests may wait for the embedded model; beyond it they are refused with 503."""

    threads: Annotated[int | None, Parameter(validator=Number(gte=1))] = None
    """Threads of the embedded model. [default: one less than the cores]"""

    seed: Annotated[int | None, Parameter(validator=Number(gte=0, lt=2**32))] = None
    """The seed of sampling, for answers that can be repeated. [default: another each time]"""

    log_format: Literal["console", "json"] = field(default_factory=_log_format)
    """How log lines are written: console is the default on a terminal, json elsewhere."""

    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important log lines that are written."""

    shutdown_grace: Annotated[int, Parameter(validator=Number(gte=0))] = 10
    """How long running responses may go on after the server was told to stop, in seconds."""
