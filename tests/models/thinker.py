"""A model that thinks: the small one with another chat template in its file, and a talk that shows it how.

Knows nothing of what is asserted. The template in a GGUF file is overwritten in its place, so that
all that follows from one is followed; worked examples do the rest, for the model copies what it sees.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from antiphon.core.items import Item
from antiphon.models.gguf import chat_template
from tests.models.llama_talk import assistant, user

HYBRID = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    "{% if enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"
)
"""A template that closes the thought where it is told to, and else leaves it to the model to open one."""

OPENS = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}<|im_start|>assistant\n"
    "<think>\n{# </think> is the model's #}"
)
"""A template that always opens a thought."""

THOUGHT = "The user asks about lava. Lava is hot."

_SHOWN = [
    ("Is snow cold?", "The user asks about snow. Snow is cold.", "Yes."),
    ("Is fire cold?", "The user asks about fire. Fire is hot.", "No."),
    ("Is ice cold?", "The user asks about ice. Ice is cold.", "Yes."),
    ("Is tea cold?", "The user asks about tea. Tea is hot.", "No."),
]


def talk(*, says: str = "{}") -> list[Item]:
    """Exchanges with thought, and a question. `says` is the form of each answer."""
    items: list[Item] = []
    for asked, thought, answered in _SHOWN:
        items += [user(asked), assistant(f"<think>\n{thought}\n</think>\n\n{says.format(answered)}")]
    return [*items, user("Is lava cold?")]


@contextmanager
def thinker(small: Path, template: str) -> Iterator[Path]:
    """The small model's file with that template."""
    old = chat_template(small).encode()
    new = template.encode() + b"{#" + b" " * (len(old) - len(template.encode()) - 4) + b"#}"
    assert len(new) == len(old)
    with TemporaryDirectory() as folder:
        path = Path(shutil.copyfile(small, Path(folder) / "thinker.gguf"))
        with path.open("r+b") as file:
            head = file.read(1 << 22)
            file.seek(head.index(old))
            file.write(new)
        yield path
