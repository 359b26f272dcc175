"""What the pages of client and desk make of rows: their own code, run by Node."""

import asyncio
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.flows.people import to_text

BROWSER = Path(__file__).parents[2] / "browser"

PROGRAM = """
import { readFileSync } from "node:fs";
import { fromBase64Url } from "%(at)s/envelope/bytes.js";
import { boxKeys } from "%(at)s/envelope/sealing.js";
import { verifyChain } from "%(at)s/roster/roster.js";
import { newConversation } from "%(at)s/client/conversation.js";
import { newThread } from "%(at)s/desk/thread.js";

const given = JSON.parse(readFileSync(0, "utf8"));
const id = fromBase64Url(given.id);
const messages = boxKeys(fromBase64Url(given.csk));
const notes = boxKeys(fromBase64Url(given.nsk));
const verifyKey = given.verifyKey && fromBase64Url(given.verifyKey);
const roster = verifyChain(given.roster.map(fromBase64Url));

const thread = newThread({ id, messages, notes, verifyKey }, () => roster);
thread.take(given.rows);
const desk = thread.lines.map((line) => ({
  ...line,
  screening: (line.id && thread.findingOf(line)) || null,
}));
let client = [];
if (verifyKey) {
  const page = newConversation({ id, messages, phraseKeys: { sign: { public: verifyKey } } });
  page.take(given.rows.filter((row) => row.kind === 1), roster);
  client = page.shown;
}
process.stdout.write(JSON.stringify({ desk, client }));
"""


@dataclass(frozen=True)
class Seen:
    """Lines as each page shows them; `kind` is message, gap or unreadable."""

    desk: list[dict]
    client: list[dict]

    def line(self, page: str, text: str) -> dict:
        (line,) = [line for line in getattr(self, page) if line["text"] == text]
        return line

    def texts(self, page: str) -> list[str]:
        return [line["text"] for line in getattr(self, page) if line["kind"] == "message"]

    def kinds(self, page: str) -> list[str]:
        return [line["kind"] for line in getattr(self, page)]


async def seen(rows, opened, entries) -> Seen:
    """What both pages show of a conversation as it is stored now; `entries` are the roster's."""
    stored = rows.ask(
        "select number, kind, envelope from messages where conversation = ? order by number",
        opened.conversation,
    )
    keys, verify_key = opened.wrap.keys, opened.wrap.verify_key
    given = {
        "id": to_text(opened.conversation),
        "csk": to_text(keys.messages.secret.reveal()),
        "nsk": to_text(keys.notes.secret.reveal()),
        "verifyKey": to_text(verify_key) if verify_key else None,
        "roster": [to_text(entry) for entry in entries],
        "rows": [
            {"number": number, "kind": kind, "envelope": to_text(envelope)}
            for number, kind, envelope in stored
        ],
    }
    done = await asyncio.to_thread(
        subprocess.run,
        ["node", "--input-type=module", "-e", PROGRAM % {"at": BROWSER.as_uri()}],
        input=json.dumps(given).encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return Seen(**json.loads(done.stdout))
