"""What is sealed opens for its own server, project and kind, and for nobody else."""

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from antiphon.access.sealing import LONGEST, SecretSealer
from antiphon.core.ports import Sealer
from antiphon.core.problems import Problem

SECRET = bytes(range(32))
SEALER: Sealer = SecretSealer(SECRET)
THOUGHT = b"Six times seven."


def refused(sealer: Sealer, project: str, kind: str, text: str) -> Problem:
    with pytest.raises(Problem) as caught:
        sealer.open(project, kind, text, param="input[2].encrypted_content")
    assert (caught.value.status, caught.value.code) == (400, "invalid_encrypted_content")
    assert caught.value.param == "input[2].encrypted_content"
    return caught.value


@given(st.text(max_size=8), st.text(max_size=8), st.binary(max_size=200))
def test_what_is_sealed_opens_again_also_on_a_restarted_server(project: str, kind: str, plaintext: bytes) -> None:
    text = SEALER.seal(project, kind, plaintext)
    assert SecretSealer(SECRET).open(project, kind, text, param="input[0]") == plaintext


def test_a_blob_can_stand_anywhere_and_tells_nothing() -> None:
    text, again = SEALER.seal("p", "reasoning", THOUGHT), SEALER.seal("p", "reasoning", THOUGHT)
    assert text != again
    assert text.replace("-", "").replace("_", "").isalnum() and text.isascii()


@pytest.mark.parametrize(
    ("sealer", "project", "kind"),
    [
        (SecretSealer(bytes(32)), "p", "reasoning"),
        (SEALER, "q", "reasoning"),
        (SEALER, "p", "compaction"),
        (SEALER, 'p","reasoning', ""),
        (SEALER, "", "preasoning"),
    ],
)
def test_it_opens_for_nobody_else(sealer: Sealer, project: str, kind: str) -> None:
    refused(sealer, project, kind, SEALER.seal("p", "reasoning", THOUGHT))


@given(st.integers(0, len(SEALER.seal("p", "reasoning", THOUGHT)) - 1), st.sampled_from("ABCxyz019-_=+/ \n\x00é"))
def test_a_blob_that_was_changed_anywhere_is_refused(place: int, letter: str) -> None:
    text = SEALER.seal("p", "reasoning", THOUGHT)  # another each time: what is drawn must not depend on it
    other = letter if letter != text[place] else "."
    refused(SEALER, "p", "reasoning", text[:place] + other + text[place + 1 :])
    refused(SEALER, "p", "reasoning", text[:place])
    refused(SEALER, "p", "reasoning", text + other)


@pytest.mark.parametrize(
    "foreign",
    [
        "",
        "=",
        "A",
        "AQ",
        "gAAAAABpXkT1m3Vw0rIYc7m0pZ3v2aZJrK9yH2xq0T3m8Qn5b1dO4WcXhS7uE6fRkLgPjNtVzBiDyAoMsCxQwUeFhGjKl",
        "a sentence.",
        "A" * 1000,
        "A" * (LONGEST + 1),
        "ü" * 100,
    ],
)
def test_another_servers_blob_is_refused(foreign: str) -> None:
    problem = refused(SEALER, "p", "reasoning", foreign)
    assert len(problem.message) < 300 and (foreign[:60] not in problem.message or len(foreign) < 3)


def test_what_can_be_sealed_is_bounded_so_that_it_can_come_back() -> None:
    largest = LONGEST * 3 // 4 - 41
    text = SEALER.seal("p", "compaction", bytes(largest))
    assert len(text) <= LONGEST and len(SEALER.open("p", "compaction", text, param="input[0]")) == largest
    with pytest.raises(Problem):
        SEALER.seal("p", "compaction", bytes(largest + 1))


def test_nothing_heavy_is_imported_before_something_is_sealed() -> None:
    look = "import sys, antiphon.access.sealing as s; s.SecretSealer(bytes(32)); print('cryptography' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], capture_output=True, check=True).stdout == b"False\n"
