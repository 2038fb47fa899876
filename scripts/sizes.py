"""Counts what DESIGN §10 bounds: lines of a file and of a function, parameters, and a test file for each module.

Knows nothing of what the code does. Prints each breach and exits with 1 where there is one.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "src" / "antiphon"
FILE_LINES, FUNCTION_LINES, PARAMETERS = 400, 60, 6

# Modules without a test file of their own name, and why. A reason that no longer holds is a breach too.
UNTESTED = {
    "__main__.py": "one call; tests/test_cli.py runs it as a program",
    "app.py": "puts the rooms together; tests/test_stopping.py and all that tests/served.py starts run it whole",
    "commands/flags.py": "the flags of others; tests/test_cli_accounts.py shows that each is explained",
    "core/accounts.py": "structs, and Protocols without code, as core/ports.py",
    "core/ports.py": "Protocols without code; tests/conformance holds what satisfies them to what they say",
    "core/signals.py": "structs without code; tests/observe shows what becomes of each",
    "models/chat_chunk.py": "structs; tests/models/test_chat_stream.py decodes every habit with them",
    "models/llama_options.py": "a struct; tests/models/test_llama.py runs what it sets",
    "models/llama_turn.py": "the other half of models/llama.py; tests/models/test_llama.py tests both",
    "store/memory_prompts.py": "the plain twin; tests/conformance/test_store_prompts.py holds it to its port",
    "store/memory_rows.py": "a part of store/memory.py, kept apart for size; tests/conformance runs both",
    "store/sqlite_prompts.py": "five statements; tests/conformance/test_store_prompts.py holds it to its port",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def large(path: Path) -> Iterator[str]:
    """Where a file, a function of it or a list of parameters is longer than allowed."""
    text = path.read_text(encoding="utf-8")
    where = path.relative_to(ROOT)
    if (lines := text.count("\n")) > FILE_LINES:
        yield f"{where}: {lines} lines, {FILE_LINES} are allowed"
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, Function):
            continue
        spot = f"{where}:{node.lineno}: {node.name}"
        if (lines := (node.end_lineno or node.lineno) - node.lineno + 1) > FUNCTION_LINES:
            yield f"{spot} has {lines} lines, {FUNCTION_LINES} are allowed"
        if (count := parameters(node)) > PARAMETERS:
            yield f"{spot} has {count} parameters, {PARAMETERS} are allowed"


def parameters(function: Function) -> int:
    """How many parameters a caller sees: all but `self` and `cls`."""
    taken = function.args
    positional = [*taken.posonlyargs, *taken.args]
    if positional and positional[0].arg in ("self", "cls"):
        positional = positional[1:]
    return len(positional) + len(taken.kwonlyargs) + (taken.vararg is not None) + (taken.kwarg is not None)


def untested() -> Iterator[str]:
    """Modules that hold code and have no test file, unless `UNTESTED` says why."""
    for path in sorted(SOURCE.rglob("*.py")):
        module = path.relative_to(SOURCE)
        # What a package exports is tested where it is defined.
        if module.name == "__init__.py":
            continue
        test = Path("tests") / module.parent / f"test_{module.name}"
        excused = module.as_posix() in UNTESTED
        if (ROOT / test).exists() == excused:
            yield f"src/antiphon/{module}: " + (f"has {test}, so its excuse can go" if excused else f"has no {test}")
    for name in sorted(name for name in UNTESTED if not (SOURCE / name).exists()):
        yield f"scripts/sizes.py: excuses {name}, which is not there"


def main() -> int:
    """Look at every file; the number of breaches decides."""
    files = sorted(path for folder in ("src", "tests", "scripts", "bench") for path in (ROOT / folder).rglob("*.py"))
    breaches = [*(breach for path in files for breach in large(path)), *untested()]
    for breach in breaches:
        print(breach)
    print(f"{len(files)} files counted, {len(breaches)} breaches")
    return int(bool(breaches))


if __name__ == "__main__":
    sys.exit(main())
