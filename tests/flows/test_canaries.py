"""What must never be on the disk is searched in every byte on the disk."""

import base64
import json
from pathlib import Path

import pytest

from tests.flows.people import Client, Counsellor, FormClient, LoopbackPerson, to_bytes
from tests.flows.stack import until
from vault import phrase

pytestmark = [pytest.mark.proof, pytest.mark.timeout(240)]


def spellings(canary: str) -> dict[str, bytes]:
    """How a text could lie on a disk: encodings, JSON, base64 at each of its three offsets."""
    raw = canary.encode()
    found = {
        "utf-8": raw,
        "utf-16-le": canary.encode("utf-16-le"),
        "utf-16-be": canary.encode("utf-16-be"),
        "json": json.dumps(canary)[1:-1].encode(),
        "hex": raw.hex().encode(),
    }
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + raw)
        inside = whole[(4 if offset else 0) : (len(whole) - 4) // 4 * 4]
        found[f"base64 {offset}"] = inside
        found[f"base64url {offset}"] = inside.replace(b"+", b"-").replace(b"/", b"_")
    return found


def search(files: dict, canaries: dict[str, str]) -> list[str]:
    return [
        f"{name} as {how} in {path.name}"
        for name, canary in canaries.items()
        for how, needle in spellings(canary).items()
        for path, content in files.items()
        if needle in content
    ]


def test_the_search_finds_what_it_looks_for():
    for how, needle in spellings("Zwölf-canary-7f3a").items():
        assert len(needle) > 11, how
        assert search({Path("x"): b"aa" + needle + b"bb"}, {"c": "Zwölf-canary-7f3a"})


async def test_no_byte_on_disk_tells_text_pseudonym_phrase_password_or_address(stack, net):
    texts = {
        "code path text": "canary-text-Żółw-5512 he locks the door",
        "code path name": "canary-name-5512",
        "form text": "canary-form-Żółw-6623 help me tonight",
        "form name": "canary-form-name-6623",
        "form later": "canary-form-later-6623",
        "reply": "canary-reply-Żółw-7734 are you alone",
        "messenger text": "canary-messenger-8845 please",
        "messenger address": "+canary-99 8845 11",
        "messenger reply": "canary-messenger-reply-8845",
        "wrong phrase": "canary wrong phrase typed by somebody",
        "too long": "canary-too-long-9911 " + "x" * 5000,
    }
    ana = Counsellor(stack, net, password="canary password of the counsellor 4419")
    await ana.set_up()
    await ana.sign_in()

    mira = Client(stack, net)
    await mira.write_first(texts["code path text"], name=texts["code path name"])
    form = await FormClient(stack, net).visit()
    await form.send("send", text=texts["form text"], name=texts["form name"])
    form_phrase = phrase.read_phrase(form.digits())
    await form.send("look")
    await form.send("answer", text=texts["form later"])
    odd = await FormClient(stack, net).visit()
    await odd.send("send", text=texts["too long"])
    await odd.send("open", phrase=texts["wrong phrase"], text="canary-kept-beside-9911")
    kim = LoopbackPerson(stack, texts["messenger address"])
    await kim.say(texts["messenger text"], "1")
    rows = await until(lambda: _three(ana), "three conversations wait")
    for row in rows:
        conversation = to_bytes(row["conversation"])
        await ana.claim(conversation)
        opened = await ana.open(conversation)
        web = row["channel"] == "web"
        await opened.reply(texts["reply"] if web else texts["messenger reply"])
        read = [m.text for m in (await ana.open(conversation)).read()]
        assert read, "the authorised side reads all"

    passphrase = stack.folder / "given-to-backup"
    passphrase.write_text("canary passphrase of the backup\n")
    stack.cli("backup", str(stack.folder / "backup"), "--passphrase-file", str(passphrase))
    passphrase.unlink()

    secrets = texts | {
        "password": ana.password,
        "phrase in words": mira.words(),
        "phrase in digits": " ".join(phrase.digits(mira.phrase)),
        "form phrase in words": " ".join(phrase.words(form_phrase)),
        "form phrase in digits": form.digits() or " ".join(phrase.digits(form_phrase)),
        "form digits run together": "".join(phrase.digits(form_phrase)),
        "kept beside": "canary-kept-beside-9911",
        "passphrase": "canary passphrase of the backup",
    }
    running = stack.files()
    assert any(path.name == "havenline.sqlite3-wal" for path in running), "the WAL was searched"
    assert search(running, secrets) == []
    raw = {"phrase": mira.phrase.secret.reveal(), "team seed": ana.team_seed.reveal()}
    raw |= {"staff seed": ana.seed.reveal(), "second factor as text": base64.b32encode(ana.secret)}
    for name, needle in raw.items():
        assert not [path.name for path, content in running.items() if needle in content], name
    await stack.stop()
    assert search(stack.files(), secrets) == []


async def _three(ana):
    rows = await ana.queue()
    return rows if len(rows) == 3 else None
