"""The tables of upstreams and models: what they mean, and each mistake in its own words at its own key."""

import tomllib
from pathlib import Path

import pytest

from antiphon.core.prices import Prices
from antiphon.models.upstream import Deadlines
from antiphon.models.upstream_config import Configured, Mistake, configured, quick

WHOLE = """
[upstreams.gpu]
url = "http://10.0.0.7:8000/v1/"
kind = "responses"
key_env = "GPU_KEY"
weight = 3
concurrency = 8
queue = 5
takes = ["images", "top_k"]
deadlines = { connect = 1, first = 20 }

[upstreams.spare]
url = "https://spare.example/v1"
key_file = "spare.key"

[models.large]
upstreams = ["gpu", "spare"]
model = { gpu = "Qwen/Qwen3-32B" }
aliases = ["default"]
context = 32768
takes = ["images"]
prices = { input = 0.5, output = 2.0 }

[models.small]
upstreams = ["spare"]
model = "qwen-small"
"""


def read(text: str, folder: Path = Path(), **environ: str) -> tuple[Configured, list[Mistake]]:
    return configured(tomllib.loads(text), folder, environ)


def test_everything_that_can_be_said(tmp_path: Path) -> None:
    (tmp_path / "spare.key").write_text("sk-spare\n")
    found, mistakes = read(WHOLE, tmp_path, GPU_KEY="sk-gpu")
    assert mistakes == []
    gpu, spare = found.upstreams["gpu"], found.upstreams["spare"]
    assert (gpu.url, gpu.kind, gpu.key, gpu.weight) == ("http://10.0.0.7:8000/v1", "responses", "sk-gpu", 3)
    assert (gpu.concurrency, gpu.queue, gpu.takes) == (8, 5, {"images", "top_k"})
    assert gpu.deadlines == Deadlines(connect=1, first=20)
    assert (spare.key, found.asked) == ("sk-spare", {"spare"})
    large = found.models["large"]
    assert (large.there("large", "gpu"), large.there("large", "spare")) == ("Qwen/Qwen3-32B", "large")
    assert found.models["small"].there("small", "spare") == "qwen-small"
    assert large.prices == Prices(input=0.5, output=2.0) and large.context == 32768


UP = '[upstreams.a]\nurl = "http://127.0.0.1:1/v1"\n'


@pytest.mark.parametrize(
    ("text", "place", "said"),
    [
        (UP + "qeue = 3", "upstreams.a.qeue", "Did you mean 'queue'?"),
        (UP + "deadlines = { frist = 3 }", "upstreams.a.deadlines.frist", "Did you mean 'first'?"),
        ("[upstreams.a]\n", "upstreams.a", "The key 'url' is missing."),
        ('[upstreams.a]\nurl = "localhost:8000"', "upstreams.a.url", "begins with http:// or https://"),
        ('[upstreams.a]\nurl = "http://u:sk-secret@h/v1"', "upstreams.a.url", "A key doesn't stand in the address"),
        ('[upstreams.a]\nurl = "http://[::1/v1"', "upstreams.a.url", "is no address"),
        ('[upstreams.a]\nurl = "http://u:sk-secret@[h/v1"', "upstreams.a.url", "This is no address."),
        (UP + 'kind = "completions"', "upstreams.a.kind", "Invalid enum value 'completions'"),
        (UP + "weight = 0", "upstreams.a.weight", "more than 0"),
        (UP + "concurrency = -1", "upstreams.a.concurrency", "0 for no bound"),
        (UP + "queue = -1", "upstreams.a.queue", "0 or more"),
        (UP + "deadlines = { idle = 0 }", "upstreams.a.deadlines", "'deadlines.idle' is more than 0"),
        (UP + 'deadlines = { first = "long" }', "upstreams.a.deadlines.first", "Expected `float`"),
        (UP + "weight = nan", "upstreams.a.weight", "more than 0"),
        (UP + "weight = inf", "upstreams.a.weight", "more than 0"),
        (UP + "deadlines = { total = inf }", "upstreams.a.deadlines", "at most a week"),
        (UP + "deadlines = { first = nan }", "upstreams.a.deadlines", "'deadlines.first' is more than 0"),
        ('[upstreams.a]\nurl = "http://h/v1?key=sk-secret"', "upstreams.a.url", "An address ends with its path"),
        (UP + 'key_env = "BAD_KEY"', "upstreams.a.key_env", "BAD_KEY is no key"),
        (UP + "concurrency = true", "upstreams.a.concurrency", "Expected `int`"),
        (UP + 'takes = ["everything"]', "upstreams.a.takes", "Invalid enum value 'everything'"),
        (
            UP + '[models.m]\nupstreams = ["a"]\nprices = { input = -1 }',
            "models.m.prices",
            "'prices.input' is 0 or more",
        ),
        (UP + '[models.m]\nupstreams = ["a"]\nprices = { cached = nan }', "models.m.prices", "'prices.cached'"),
        (UP + 'key_env = "NOT_SET"', "upstreams.a.key_env", "NOT_SET is not set"),
        (UP + 'key_file = "absent.key"', "upstreams.a.key_file", "No such file"),
        (UP + 'key_env = "HOME_KEY"\nkey_file = "x"', "upstreams.a.key_file", "from 'key_env' or from 'key_file'"),
        (UP + 'key = "sk-secret"', "upstreams.a.key", "There is no key 'key' here"),
        (UP + '[models.m]\nupstreams = ["b"]', "models.m.upstreams", "There is no upstream 'b'. There are: a."),
        (UP + "[models.m]\nupstreams = []", "models.m.upstreams", "at least one"),
        (UP + '[models.m]\nupstreams = ["a"]\nmodel = { b = "x" }', "models.m.model", "'b', which is not in"),
        (UP + '[models.m]\nupstreams = ["a"]\ncontext = -1', "models.m.context", "0 for unknown"),
        (UP + '[models.m]\nupstreams = ["a"]\nprices = { in = 1 }', "models.m.prices.in", "no key 'in' here"),
        (UP + '[models.m]\nupstreams = ["a"]\naliases = ["m"]', "models.m.aliases", "is that of 'm' already"),
        ("upstreams = 3", "upstreams", "holds tables"),
        ("[models]\nm = 3", "models.m", "is no table"),
    ],
)
def test_each_mistake_is_told_at_its_key(text: str, place: str, said: str) -> None:
    _, mistakes = read(text, HOME_KEY="sk-home", BAD_KEY="sk-one\nsk-two")
    assert [".".join(mistake.place) for mistake in mistakes] == [place]
    assert said in mistakes[0].message and "sk-" not in mistakes[0].message


def test_what_is_right_beside_a_mistake_stays() -> None:
    found, mistakes = read(UP + "[upstreams.b]\n[models.m]\nupstreams = ['a', 'b', 'c']")
    assert list(found.upstreams) == ["a"] and list(found.models) == ["m"]
    assert len(mistakes) == 2


def test_the_quick_form() -> None:
    one = quick("http://127.0.0.1:8000/v1/", 0, {"ANTIPHON_UPSTREAM_KEY": "sk-quick"})
    assert (one.name, one.url, one.key) == ("127.0.0.1:8000", "http://127.0.0.1:8000/v1", "sk-quick")
    assert "sk-quick" not in repr(one)
    assert quick("http://h/v1", 1, {}).name == "h-2"
    with pytest.raises(ValueError, match="is no key"):
        quick("http://h/v1", 0, {"ANTIPHON_UPSTREAM_KEY": "sk-é"})
    for bad in ("", "h:8000", "ftp://h", "http://", "http://u:p@h/v1"):
        with pytest.raises(ValueError, match=r"address"):
            quick(bad, 0, {})
