"""`antiphon upstreams`: how each upstream is, asked from here.

Knows of a server that may run nothing but its name among others, so that a circle is found: it asks the upstreams
itself, as that one would at its start.
"""

import asyncio
import sys

import msgspec
from msgspec import Struct

from antiphon.config import Loaded, load
from antiphon.core.signals import Signal
from antiphon.models.http import Http
from antiphon.models.probe import Finding, probe
from antiphon.models.upstream import Upstream
from antiphon.models.upstreams import Upstreams
from antiphon.settings import Reach


class Row(Struct):
    """An upstream as it is told."""

    name: str
    url: str
    state: str
    kind: str
    detail: str
    models: list[str]


def upstreams(reach: Reach, *, as_json: bool) -> int:
    """Print a line for each upstream; gives the status to exit with."""
    loaded = load(reach)
    for one in loaded.complaints:
        print(f"antiphon: {one}", file=sys.stderr)
    if not loaded.configured.upstreams:
        print("antiphon: no upstream is set up: name one with --upstream, or in antiphon.toml.", file=sys.stderr)
        return 1
    listed = asyncio.run(_asked(loaded, reach))
    if as_json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(listed), indent=2).decode() + "\n")
    else:
        widths = [max(len(getattr(row, name)) for row in listed) for name in ("name", "state", "kind")]
        for row in listed:
            head = "  ".join(
                f"{text:<{width}}" for text, width in zip((row.name, row.state, row.kind), widths, strict=True)
            )
            print(f"{head}  {row.detail}")
    return 0 if all(row.state == "ready" for row in listed) and not loaded.complaints else 1


async def _asked(loaded: Loaded, reach: Reach) -> list[Row]:
    looking = Upstreams(loaded.configured, _unheard, (reach.host, reach.port), await _running(reach))
    try:
        found = await looking.look()
    finally:
        await looking.stop()
    return [_row(name, loaded, finding) for name, finding in found.items()]


async def _running(reach: Reach) -> str:
    """The id of the server that would have these upstreams, where it runs; else ""."""
    http = Http()
    host = f"[{reach.host}]" if ":" in reach.host else reach.host
    try:
        finding = await probe(Upstream(name="itself", url=f"http://{host}:{reach.port}/v1"), http)
    finally:
        await http.close()
    return finding.servers[0] if finding.servers else ""


def _row(name: str, loaded: Loaded, finding: Finding) -> Row:
    upstream = loaded.configured.upstreams[name]
    kind = finding.kind or ("?" if name in loaded.configured.asked else upstream.kind)
    return Row(name, upstream.url, finding.state, kind, finding.detail, [model.id for model in finding.models])


def _unheard(signal: Signal) -> None:
    """What it finds is printed, not logged."""
