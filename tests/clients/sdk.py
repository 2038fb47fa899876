"""What comes out of the `openai` client, as the JSON that went in.

Knows nothing of what is asked.
"""

import json
from collections.abc import Sequence
from typing import Any

from openai.types.responses import ResponseStreamEvent

from tests.grammar import check_stream
from tests.openapi import check_event


def told(value: Any) -> Any:
    """The JSON that a thing of the SDK came from. The SDK makes its times floats; they are put back."""
    read = value.to_dict(mode="json", exclude_unset=True)
    for response in (read, read.get("response", {})):
        for key in ("created_at", "completed_at"):
            if isinstance(response.get(key), float) and response[key].is_integer():
                response[key] = int(response[key])
    return read


def script(*steps: dict[str, Any]) -> str:
    return json.dumps(steps)


def checked(events: Sequence[ResponseStreamEvent]) -> dict[str, Any]:
    """Hold a stream against the grammar and the Open Responses document; its last response."""
    read = [told(event) for event in events]
    for event in read:
        check_event(event)
    return check_stream(read)
