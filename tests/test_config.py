"""The file of settings beyond the flags: what it sets up, and on which line a mistake stands."""

from pathlib import Path

import pytest

from antiphon.config import line_of, load
from antiphon.settings import Reach

TEXT = """\
port = 9000

# [upstreams.gpu]
[upstreams.gpu]
url = "http://10.0.0.7:8000/v1"
"weight" = 2
deadlines = { first = 20, idle = 3 }

[upstreams."a.b"]
  url = "http://10.0.0.8/v1"
  deadlines.first = 9
[models]
m.upstreams = ["gpu"]
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (("port",), 1),
        (("upstreams", "gpu"), 4),
        (("upstreams",), 4),
        (("upstreams", "gpu", "url"), 5),
        (("upstreams", "gpu", "weight"), 6),
        (("upstreams", "gpu", "deadlines"), 7),
        (("upstreams", "gpu", "deadlines", "idle"), 7),
        (("upstreams", "gpu", "absent"), 4),
        (("upstreams", "a.b", "url"), 10),
        (("upstreams", "a.b", "deadlines", "first"), 11),
        (("models", "m", "upstreams"), 13),
        (("models", "m", "absent"), 13),
        (("absent",), 0),
    ],
)
def test_each_key_has_its_line(place: tuple[str, ...], line: int) -> None:
    assert line_of(TEXT, place) == line


def test_the_file_and_the_quick_form_together(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text(TEXT)
    same = "http://127.0.0.1:8000/v1"
    loaded = load(Reach(config=file, upstream=(same, same, "nonsense")))
    assert list(loaded.configured.upstreams) == ["127.0.0.1:8000", "127.0.0.1:8000-2", "gpu", "a.b"]
    assert loaded.behind
    assert [str(one).partition(" ")[0] for one in loaded.complaints] == ["--upstream:"]


def test_keys_come_from_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-secret")
    file = tmp_path / "antiphon.toml"
    file.write_text('[upstreams.a]\nurl = "http://127.0.0.1:1/v1"\nkey_file = "key"\n')
    loaded = load(Reach(config=file))
    assert loaded.configured.upstreams["a"].key == "sk-secret"
    assert "sk-secret" not in repr(loaded)


def test_what_is_wrong_has_file_and_line_and_upstreams_were_wanted_all_the_same(tmp_path: Path) -> None:
    file = tmp_path / "antiphon.toml"
    file.write_text('port = 1\n[upstreams.a]\n\nurl = "h"\n')
    loaded = load(Reach(config=file))
    (one,) = loaded.complaints
    assert str(one).startswith(f"{file}:4: 'h' is no address")
    assert loaded.behind and not loaded.configured.upstreams
    file.write_text("[upstreams.a]\nurl = = 3\n")
    (one,) = load(Reach(config=file)).complaints
    assert one.line == 2 and one.message.startswith("This is no TOML: ")


def test_without_a_file_there_is_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    loaded = load(Reach())
    assert not loaded.behind and not loaded.complaints and not loaded.configured.upstreams
