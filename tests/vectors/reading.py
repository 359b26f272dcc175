"""Reads the vectors for tests.

A case may be written as a change of a good one: `of` names it, `set` replaces arguments, and
`flip`, `truncate` and `append` damage its blob.
"""

import json
from pathlib import Path

import pytest

from vault import sealing
from vault.sealing import Secret

FOLDER = Path(__file__).parent


def read(name):
    return json.loads((FOLDER / f"{name}.json").read_text("utf-8"))


def unhex(value):
    return bytes.fromhex(value)


def resolved(case, good):
    """The whole case, its blob damaged as it asks."""
    if "of" not in case:
        return case
    whole = {**good[case["of"]], **case.get("set", {})}
    if "flip" in case:
        blob = bytearray(unhex(whole["blob"]))
        blob[case["flip"]] ^= 1
        whole["blob"] = blob.hex()
    if "truncate" in case:
        whole["blob"] = whole["blob"][: 2 * case["truncate"]]
    whole["blob"] = whole.get("blob", "") + case.get("append", "")
    return whole


def cases(listed, good=()):
    return [
        pytest.param(resolved(case, good), id=case.get("why", str(i)))
        for i, case in enumerate(listed)
    ]


def box(secret):
    return sealing.box_keys(Secret(unhex(secret)))


def signer(seed):
    return sealing.sign_keys(Secret(unhex(seed)))
