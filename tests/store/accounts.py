"""Accounts, made short: keys, projects and ledger rows for tests of the store."""

from typing import Any

from antiphon.core.accounts import Charge, Key, Project, Settlement
from tests.store.made import P, new


def a_project(**fields: Any) -> Project:
    return Project(**{"id": new("proj"), "name": "Ducks", "created_at": 1_000_000, **fields})


def a_key(**fields: Any) -> Key:
    name = new("key")
    made = {"id": name, "digest": name.encode(), "shown": "sk-12345…", "name": "mine", "project": P, "created_at": 1}
    return Key(**{**made, **fields})


def charged(response_id: str, **fields: Any) -> Charge:
    reserved = {"key": "key_1", "model": "m", "opened_at": 1_000_000.0, "input_tokens": 10, "output_tokens": 100}
    return Charge(response_id=response_id, **{"project": P, **reserved, "cost": 6.0, "input_cost": 1.0, **fields})


def settled(response_id: str, **fields: Any) -> Settlement:
    used = {"input_tokens": 7, "cached_tokens": 3, "output_tokens": 20, "reasoning_tokens": 5, "cost": 0.5}
    return Settlement(response_id=response_id, **{"status": "completed", **used, **fields})
