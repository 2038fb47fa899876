"""Values held against the schemas of an OpenAPI document.

Knows nothing of which document it is: whoever asks gives the function that reads it.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

JSON = Any
Document = Callable[[], dict[str, JSON]]


@cache
def validator(document: Document, name: str) -> Draft202012Validator:
    """A schema of the document, by its name."""
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": document()["components"]})


def check(document: Document, value: JSON, name: str) -> None:
    """Hold a value against a schema of the document. Raises `AssertionError` with every fault and its path."""
    found = validator(document, name).iter_errors(value)
    faults = [f"{'/'.join(map(str, fault.instance_path))}: {fault.message}" for fault in found]
    assert not faults, f"not a {name}:\n" + "\n".join(faults)
