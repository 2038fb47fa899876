import hashlib
import socket
from pathlib import Path

import pytest

from antiphon.models.assembly import Assembly, SourceFailed
from antiphon.models.catalogue import HubFile
from antiphon.models.hub import look_up, save
from tests.models.hub import Hub

FILE = HubFile("org/repo", "sub/model.gguf")
CONTENT = bytes(range(256)) * 10_000


def test_what_the_hub_says_of_a_file(hub: Hub) -> None:
    hub.files["org/repo/sub/model.gguf"] = CONTENT
    remote = look_up(FILE, patience=5)
    assert remote.size == len(CONTENT)
    assert remote.sha256 == hashlib.sha256(CONTENT).hexdigest()
    hub.sum = "not-a-sum"
    assert look_up(FILE, patience=5).sha256 is None


def test_a_connection_that_breaks_is_taken_up_where_it_broke(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/sub/model.gguf"] = CONTENT
    hub.breaks_after = 1_500_000
    remote = look_up(FILE, patience=5)
    seen: list[int] = []
    with Assembly(tmp_path / "file", remote.size) as assembly:
        save(remote, assembly, lambda progress: seen.append(progress.done))
        assert assembly.sha256 == remote.sha256
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert seen[0] == 0 and seen[-1] == len(CONTENT)
    assert hub.ranges() == [None, "bytes=1048576-"]


def test_a_file_that_the_hub_has_not(hub: Hub) -> None:
    with pytest.raises(SourceFailed, match=r"^has no file sub/model.gguf in org/repo$"):
        look_up(FILE, patience=5)


def test_a_hub_that_never_answers_is_given_up(hub: Hub) -> None:
    hub.silent = True
    with pytest.raises(SourceFailed, match="gave no answer"):
        look_up(FILE, patience=0.3)


def test_a_hub_that_is_not_there(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        with pytest.raises(SourceFailed, match=r"could not be reached \(127.0.0.1:\d+: "):
            look_up(FILE, patience=5)


def test_an_address_that_is_none(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "nonsense")
    with pytest.raises(SourceFailed, match="no usable address"):
        look_up(FILE, patience=5)


def test_a_hub_that_is_switched_off_is_not_asked(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(SourceFailed, match="switched off by HF_HUB_OFFLINE"):
        look_up(FILE, patience=5)
    assert hub.asked == []


def test_behind_a_proxy_it_is_the_proxy_that_must_be_there(monkeypatch: pytest.MonkeyPatch, hub: Hub) -> None:
    hub.files["org/repo/sub/model.gguf"] = CONTENT
    monkeypatch.setenv("HF_ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("http_proxy", hub.endpoint)
    with pytest.raises(
        SourceFailed, match=r"has no file|gave no answer"
    ):  # reached, though the name means nothing here
        look_up(FILE, patience=5)
