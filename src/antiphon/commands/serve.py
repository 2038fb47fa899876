"""`antiphon serve`: says where it will listen, then serves.

Knows nothing of how a request is answered.
"""

import errno
import os
import socket
import sys
from pathlib import Path

import msgspec

from antiphon.core.ports import StoreError
from antiphon.core.problems import Problem
from antiphon.settings import Settings

SHORTEST = 16
"""Characters of an admin key at least."""


def taken(host: str, port: int) -> str | None:
    """Why the address can't be listened on, in a sentence; None where it can."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"port {port} of {host} is in use: stop what listens there, or choose another with --port."
            return f"can't listen on {host}, port {port}: {error.strerror or error}."
    return None


def banner(settings: Settings) -> str:
    """What a person wants to know first: the address, the models, a line to try."""
    reach = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104  compared, not listened on
    base = f"http://[{reach}]:{settings.port}/v1" if ":" in reach else f"http://{reach}:{settings.port}/v1"
    told, model = _models(settings)
    body = msgspec.json.encode({"model": model, "input": "Say hello."}).decode()
    trial = f"{base}/responses -H 'Content-Type: application/json' -d '{body}'" if model else f"{base}/models"
    return f"""\
Antiphon at {base}  (Ctrl-C ends it)
{told}
Try:   curl {trial}
"""


def _models(settings: Settings) -> tuple[str, str]:
    """What is served, in a line or two, and a model to try; "" where the upstreams have to be asked first."""
    from antiphon.config import load
    from antiphon.models import catalogue
    from antiphon.models.embedded import served_name

    loaded = load(settings)
    lines, model = [], ""
    if settings.model is not None or not loaded.behind:
        model = served_name(settings.model or catalogue.load().default)
        lines.append(f"Model: {model}")
    names = loaded.configured.upstreams
    if names:
        lines.append("Upstreams: " + ", ".join(f"{name} ({one.url})" for name, one in names.items()))
        model = model or next(iter(loaded.configured.models), "")
    return "\n".join(lines) or "No upstream can be used as it is set up: see `antiphon config check`.", model


def unusable(folder: Path) -> str | None:
    """Why data can't be kept in the folder, which is made where it is missing; None where it can."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        return f"can't keep data in {folder}: {error.strerror or error}. Choose another folder with --data."
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"can't keep data in {folder}: it may not be written to. Choose another folder with --data."
    return None


def missing(model: str | None) -> str | None:
    """Why a model can't be served, in a sentence; None where it may be possible."""
    from antiphon.models import catalogue

    if model is None or model == "scripted" or catalogue.find(model) is not None or Path(model).is_file():
        return None
    if model.startswith("hf:"):
        try:
            catalogue.hub_reference(model)
        except ValueError as fault:
            return str(fault)
        return None
    names = ", ".join(entry.name for entry in catalogue.load().models)
    return f"there is no model {model!r}: it is no file here, and the catalogue has {names}. See `antiphon models`."


def weak(admin_key: str | None) -> str | None:
    """Why the admin key can't be one, in a sentence that doesn't tell it; None where it may be, or there is none."""
    if admin_key is None or (len(admin_key) >= SHORTEST and all("!" <= one <= "~" for one in admin_key)):
        return None
    return (
        f"the admin key can't be used: it needs {SHORTEST} visible ASCII characters at least, and no spaces. "
        "`openssl rand -base64 32` makes a good one."
    )


def serve(settings: Settings) -> None:
    """Serve until told to stop. Exits with 1 and one line where it can't, or may not, start so."""
    why = taken(settings.host, settings.port) or missing(settings.model) or weak(settings.admin_key)
    why = why or (None if settings.ephemeral else unusable(settings.data))
    if why is not None:
        print(f"antiphon: {why}", file=sys.stderr)
        raise SystemExit(1)
    from antiphon.config import load

    for complaint in load(settings).complaints:
        print(f"antiphon: {complaint}", file=sys.stderr)
    from antiphon.app import StartError, run

    try:
        run(settings, lambda: print(banner(settings), flush=True))
    except (StoreError, StartError) as fault:
        print(f"antiphon: {fault}", file=sys.stderr)
        raise SystemExit(1) from None
    except Problem as problem:
        print(f"antiphon: {problem.message}", file=sys.stderr)
        raise SystemExit(1) from None
