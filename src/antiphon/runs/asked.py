"""What was asked, as it is kept for a run that may have to be done again.

Knows nothing of when that is. The input is kept beside it, as items. Both are kept without the secrets that tools
carry; those are sealed, so that only this server can do the run again.
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from antiphon.core.items import JSON, item_from_json
from antiphon.core.ports import Claim, Sealer
from antiphon.core.problems import Problem
from antiphon.core.redaction import redacted_tools, secret_places
from antiphon.core.request import Request, tool_from_json
from antiphon.core.wire import convert, pack

KIND = "request"
LARGEST = 4 * 1024 * 1024
"""Bytes of tools with secrets that a background request may have at most."""


def kept(request: Request, project: str, sealer: Sealer) -> bytes:
    """The request as it is kept, without its input. Raises `Problem` 413 where too much would have to be sealed."""
    tools, items = secret_places(request.tools), secret_places(request.input)
    if not (tools or items):
        return pack(replace(request, input=[]))
    secrets = {
        "tools": [(place, request.tools[place]) for place in tools],
        "items": [(place, request.input[place]) for place in items],
    }
    plain = pack(secrets)
    if len(plain) > LARGEST:
        message = f"The tools that carry secrets have more than {LARGEST} bytes, the most that a background run keeps."
        raise Problem(413, "request_too_large", message, param="tools")
    bare = replace(request, input=[], tools=redacted_tools(request.tools))
    return pack(bare)[:-1] + b',"sealed":' + pack(sealer.seal(project, KIND, plain)) + b"}"


def recalled(claim: Claim, sealer: Sealer) -> Request:
    """The request of a claim, with its input and its secrets. Raises `Problem` where they can't be opened any more."""
    found: dict[str, JSON] = msgspec.json.decode(claim.request)
    sealed = found.pop("sealed", None)
    request = convert(found, Request)
    request.input = claim.inputs
    if sealed is not None:
        secrets: Any = msgspec.json.decode(sealer.open(claim.project, KIND, sealed, param="tools"))
        for place, tool in secrets["tools"]:
            request.tools[place] = tool_from_json(tool)
        for place, item in secrets["items"]:
            request.input[place] = item_from_json(item)
    return request
