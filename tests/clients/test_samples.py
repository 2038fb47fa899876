"""The samples of the services' documents, run as their readers would: only base URL, key and model are changed."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from antiphon.models import catalogue
from tests.clients import samples
from tests.clients.node import Node, find
from tests.clients.packages import Unavailable
from tests.models.chat_habits import Habit, chunk
from tests.served import Server, environment, running, serving
from tests.upstreams.behaviours import refusing, speaking
from tests.upstreams.fake import Asked, Fake, Line
from tests.upstreams.speech import of_chat
from tests.upstreams.twin import twin

SETTINGS = """
[upstreams.up]
url = "{url}"
kind = "chat"
[models.speaker]
upstreams = ["up"]
"""
SENTENCE = "The weather in Berlin is 18°C and cloudy."
UNDAMAGED = samples.undamaged()


async def think_and_speak(asked: Asked, line: Line) -> None:
    """A model that thinks, calls a function that it has no output of yet, and else says what it was last told."""
    if asked.body is None:
        await refusing(404)(asked, line)
        return
    messages = asked.body["messages"]
    if messages[-1]["role"] == "tool":
        said, finish = {"content": SENTENCE}, "stop"
    elif tools := asked.body.get("tools"):
        function = {"name": tools[0]["function"]["name"], "arguments": '{"city": "Berlin"}'}
        said, finish = (
            {"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]},
            "tool_calls",
        )
    else:
        said, finish = {"content": f"You said: {messages[-1]['content']}"}, "stop"
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "total_tokens": 13}
    told = [("call", "get_weather", '{"city": "Berlin"}', "call_1")] if "tool_calls" in said else []
    data = [chunk({"reasoning_content": "hm"}), chunk(said), chunk(finish=finish, usage=usage), "[DONE]"]
    await speaking(of_chat(Habit(data, told)))(asked, line)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Fake]:
    with twin(think_and_speak) as fake:
        yield fake


@dataclass(frozen=True)
class Runner:
    """Runs a sample against a model of a server."""

    server: Server
    model: str
    folder: Path

    def run(self, sample: samples.Sample) -> str:
        """What the sample prints."""
        name = "infinityblue" if sample.base == samples.INFINITYBLUE else "infercom"
        url = f"http://127.0.0.1:{self.server.port}/{name}/v1"
        return LANGUAGES[sample.language](sample.turned(url, self.model), self.folder)


def in_python(source: str, folder: Path) -> str:
    (folder / "sample.py").write_text(source, encoding="utf-8")
    return _output([sys.executable, "sample.py"], folder)


def in_curl(source: str, folder: Path) -> str:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    return _output(["sh", "-c", source], folder)


def in_node(source: str, folder: Path) -> str:
    return node().run(source, INFERCOM_API_KEY=samples.KEY)


def node() -> Node:
    try:
        return find()
    except Unavailable as reason:
        pytest.skip(str(reason))


LANGUAGES = {"Python": in_python, "cURL": in_curl, "JavaScript": in_node}


def _output(command: list[str], folder: Path) -> str:
    env = environment() | {"INFERCOM_API_KEY": samples.KEY, "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=folder, env=env, capture_output=True, text=True, timeout=240, check=False, encoding="utf-8"
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def runner(upstream: Fake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    folder = tmp_path_factory.mktemp("samples")
    (folder / "antiphon.toml").write_text(SETTINGS.format(url=upstream.url))
    with running("", folder) as (server, _):
        yield Runner(server, "speaker", folder)


def test_nothing_but_white_space_was_restored_in_the_guides_samples() -> None:
    told = re.sub(r"\s", "", samples.read("infercom.guide.txt"))
    for source in samples.GUIDE.values():
        assert re.sub(r"\s", "", source) in told


def test_these_are_all_samples() -> None:
    """A sample more in a document would be noticed: each makes one client, or one call."""
    assert sorted(one.language for one in UNDAMAGED.values()) == ["JavaScript", "JavaScript", "Python", "cURL", "cURL"]
    calls = samples.read("infercom.guide.txt").count("responses.create(")
    assert calls == sum(source.count("responses.create(") for source in samples.GUIDE.values())
    reference = UNDAMAGED["reference, JavaScript"].source
    assert reference.strip() == UNDAMAGED["OpenAPI, JavaScript"].source.strip()


@pytest.mark.parametrize("name", UNDAMAGED)
def test_a_sample_of_a_reference(runner: Runner, name: str) -> None:
    sample = UNDAMAGED[name]
    said = "Introduce yourself" if sample.base == samples.INFINITYBLUE else "Explain supervised vs unsupervised"
    printed = runner.run(sample)
    assert f"You said: {said}" in printed
    if sample.base == samples.INFINITYBLUE:
        assert '"prompt_tokens":9' in printed.replace(" ", "")


@pytest.mark.parametrize("name", samples.GUIDE)
def test_a_sample_of_the_guide(runner: Runner, upstream: Fake, name: str) -> None:
    printed = runner.run(samples.guide(name))
    body = next(asked.body for asked in reversed(upstream.asked) if asked.body is not None)
    said = [(one["role"], one["content"]) for one in body["messages"]]
    match name:
        case "simple":
            assert printed == "You said: Explain the difference between supervised and unsupervised learning.\n"
        case "instructions":
            assert [role for role, _ in said] == ["system", "user"] and "pirate" in said[0][1]
        case "two turns":
            # What the guide sends back is the first item of the output, which is the thought of a model that thinks.
            assert ("user", "My name is Thomas.") in said
            assert printed == "You said: What is my name?\n"
        case "weather":
            assert printed == f"{SENTENCE}\n"
            assert said[-1] == ("tool", '{"city": "Berlin", "temperature": "18\\u00b0C", "condition": "Cloudy"}')
        case "stream":
            assert printed == "You said: Write a short poem about speed."


@pytest.mark.default_model
@pytest.mark.soak
def test_the_guides_answers(default_models: Path, tmp_path: Path) -> None:
    """The name that was told before is known, whatever the seed; the weather's figure is told by most (docs/log.md)."""
    told = []
    for seed in range(1, 6):
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "models").symlink_to(default_models, target_is_directory=True)
        with serving(catalogue.load().default, folder, "--seed", str(seed)) as server:
            runner = Runner(server, server.model, folder)
            assert "Thomas" in runner.run(samples.guide("two turns"))
            told.append(weather(runner))
    assert len([text for text in told if re.search(r"\b18\b.*[.!]\s*$", text, re.DOTALL)]) >= 3, told


def weather(runner: Runner) -> str:
    """What the guide's weather sample prints; nothing where the model called nothing, which stops the sample."""
    try:
        return runner.run(samples.guide("weather"))
    except AssertionError as stopped:
        if "StopIteration" not in str(stopped):
            raise
        return ""
