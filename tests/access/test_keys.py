import hashlib
import re

from msgspec.structs import replace

from antiphon.access import keys
from antiphon.access.keys import Draft
from antiphon.core.accounts import Limits

DRAFT = Draft(
    name="mine",
    project="proj_1",
    projects=("proj_2",),
    scope="read",
    expires_at=99,
    limits=Limits(requests_per_minute=3),
)


def test_a_key_is_random_and_kept_without_its_text() -> None:
    first, second = keys.made(b"s" * 32, DRAFT, 5), keys.made(b"s" * 32, DRAFT, 5)
    assert re.fullmatch(r"sk-[A-Za-z0-9_-]{43}", first.text)
    assert first.text != second.text and first.key.id != second.key.id
    assert first.key.digest == hashlib.blake2b(first.text.encode(), key=b"s" * 32, digest_size=32).digest()
    assert first.key.shown == first.text[:8] + "…"
    assert first.text not in repr(first.key) and first.text[9:] not in repr(first.key)
    assert {field: getattr(first.key, field) for field in Draft.__struct_fields__} == {
        field: getattr(DRAFT, field) for field in Draft.__struct_fields__
    }
    assert (first.key.created_at, first.key.revoked_at, first.key.last_used_at) == (5, None, None)


def test_another_secret_gives_another_digest() -> None:
    text = keys.made(b"s" * 32, DRAFT, 5).text
    assert keys.digest(b"s" * 32, text) != keys.digest(b"t" * 32, text)


def test_a_rotated_key_is_good_for_the_same_and_the_old_one_for_nothing() -> None:
    old = replace(keys.made(b"s" * 32, DRAFT, 5).key, last_used_at=6)
    new, gone = keys.rotated(b"s" * 32, old, 7)
    assert gone == replace(old, revoked_at=7)
    assert new.key == replace(
        old, id=new.key.id, digest=new.key.digest, shown=new.key.shown, created_at=7, last_used_at=None
    )
    assert new.key.id != old.id and new.key.digest == keys.digest(b"s" * 32, new.text) != old.digest


def test_a_key_stays_revoked_since_it_first_was() -> None:
    gone = keys.revoked(keys.made(b"s" * 32, DRAFT, 5).key, 7)
    assert keys.revoked(gone, 9).revoked_at == 7
