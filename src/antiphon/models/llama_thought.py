"""The thought before an embedded model's answer: where it opens, how long it may get, how it is closed.

Knows nothing of the engine, nor of what is answered.

The rules of this file:
- a model thinks where its chat template speaks of it (`thinking.tag_of`), unless the effort is `none`;
- the thought is free, and a run of its own: whatever grammar there is holds the answer behind it;
- its effort is a share of all that may be generated, so that room for an answer is left. It ends
  with its tag, with the model's turn, or where that share is used up;
- where there is to be none, an empty one is put into the model's mouth, as such models are trained to.
"""

from antiphon.core.items import Reasoning
from antiphon.core.prompt import Prompt
from antiphon.core.reasoning import thought
from antiphon.core.request import Effort
from antiphon.models.llama_frames import Thinking
from antiphon.models.thinking import TAGS

_SHARES: dict[Effort, float] = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}


def thinking(prompt: Prompt, tag: str | None) -> Thinking | None:
    """How the thought of a prompt's answer is framed; None for a model that does not think.

    An answer that was interrupted behind its thought goes on with that thought.
    """
    if tag is None:
        return None
    had = [item for item in prompt.said if isinstance(item, Reasoning)]
    if prompt.said or prompt.reasoning.effort == "none":
        return Thinking(tag, "\n\n".join(thought(item) for item in had))
    return Thinking(tag)


def budget(effort: Effort | None, bound: int) -> int:
    """How many of `bound` tokens may be thought, one at least. Nothing asked is `medium`."""
    return max(1, int(bound * _SHARES[effort if effort in _SHARES else "medium"]))


def framed(rendered: str, asked: Thinking | None) -> tuple[str, str]:
    """A rendered prompt up to where the thought begins, and what stands behind the thought (`line`).

    The second is "" where nothing is thought: the answer follows at once.
    """
    if asked is None:
        return rendered, ""
    tail, end = rendered.rstrip(), TAGS[asked.tag]
    if tail.endswith(end):  # the template has closed it, asked or not
        return rendered, ""
    opened = rendered if tail.endswith(asked.tag) else f"{rendered}{asked.tag}\n"
    closing = f"{end}\n\n"
    return (f"{opened}\n{closing}", "") if asked.had == "" else (opened, closing)


def line(thought: str) -> str:
    """A thought as it stands between its tags, on lines of its own."""
    return thought.rstrip() + "\n" if thought else ""
