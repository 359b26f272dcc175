"""What is stored, why and for how long: the record of `havenline inventory`.

The columns come from the models' own annotations (`vault.columns`), so the record cannot differ
from the tables; files outside the database are listed here. Source: Regulation (EU) 2016/679,
Article 30 (records of processing activities) and Article 13 (what people are told).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from vault import tables
from vault.columns import RUN, TALK, About, Risk

_KEEPER: Final = "keeper only"


@dataclass(frozen=True, slots=True)
class Entry:
    """One value that is stored: a column, or a file outside the database."""

    name: str
    about: About
    definition: str
    type: str
    limits: str
    required: bool
    purpose: str
    lawful_basis: str
    risk: Risk
    readers: str
    where: str
    retention: str


def columns() -> list[Entry]:
    """Every column of the database, in the order of its tables."""
    entries = [
        Entry(name=f"{table.name}.{column.name}", **column.info)
        for table in (*tables.CONVERSATION_TABLES, *tables.OPERATION_TABLES)
        for column in table.columns
    ]
    return [*entries, _SCHEMA_VERSION]


def files() -> list[Entry]:
    """Every file outside the database that a data folder holds."""
    return list(_FILES)


def entries() -> list[Entry]:
    """Both lists: conversations first, then staff and operation."""
    everything = [*columns(), *files()]
    return sorted(everything, key=lambda entry: list(About).index(entry.about))


def as_json() -> str:
    """The whole inventory for a program."""
    return json.dumps([asdict(entry) for entry in entries()], indent=2, ensure_ascii=False)


def as_text() -> str:
    """The whole inventory for a reader."""
    lines: list[str] = []
    for about in About:
        lines += ["", f"== {about.value} ==".upper()]
        for entry in entries():
            if entry.about is about:
                lines += ["", *_paragraph(entry)]
    return "\n".join(lines[1:]) + "\n"


def _paragraph(entry: Entry) -> list[str]:
    need = "required" if entry.required else "optional"
    return [
        entry.name,
        f"    what       {entry.definition}",
        f"    form       {entry.type}; {entry.limits}; {need}",
        f"    why        {entry.purpose}",
        f"    basis      {entry.lawful_basis}",
        f"    risk       {entry.risk.value}",
        f"    read by    {entry.readers}",
        f"    where      {entry.where}",
        f"    how long   {entry.retention}",
    ]


def _file(
    name: str,
    definition: str,
    limits: str,
    *,
    about: About = About.STAFF_AND_OPERATION,
    risk: Risk = Risk.MEDIUM,
    purpose: str = RUN.purpose,
    readers: str = _KEEPER,
    retention: str = RUN.retention,
) -> Entry:
    basis = TALK.lawful_basis if about is About.CONVERSATIONS else RUN.lawful_basis
    return Entry(
        name=name,
        about=about,
        definition=definition,
        type="file, mode 0600",
        limits=limits,
        required=True,
        purpose=purpose,
        lawful_basis=basis,
        risk=risk,
        readers=readers,
        where=f"{name} in the data folder",
        retention=retention,
    )


_UNTIL_FORGOTTEN: Final = "until forgotten; then overwritten with random bytes, in place"

_SCHEMA_VERSION: Final = Entry(
    name="alembic_version.version_num",
    about=About.STAFF_AND_OPERATION,
    definition="number of the migration that made the tables",
    type="word",
    limits="4 digits",
    required=True,
    purpose=RUN.purpose,
    lawful_basis=RUN.lawful_basis,
    risk=Risk.LOW,
    readers=RUN.readers,
    where=RUN.where,
    retention=RUN.retention,
)

_FILES: Final = (
    _file(
        "keeper/slots.bin",
        "records of constant size: the shred key of each conversation and address, their tags, "
        "public keys, the tag by which a return phrase is found, an address's channel and safe "
        "hours, and dates to the minute; sign-in data of staff (hash of the authentication part, "
        "second factor, failures)",
        "131,072 records of 256 bytes by default; random where unused",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to forget for good: what has no record here opens nowhere, not in a backup either",
        retention=_UNTIL_FORGOTTEN,
    ),
    _file(
        "keeper/slots.twin",
        "the same bytes again, for repair after a crash",
        "as keeper/slots.bin",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to lose no conversation to a damaged disk block",
        retention=_UNTIL_FORGOTTEN,
    ),
    _file(
        "keeper/roster.bin",
        "the signed chain of people: shown names, public keys, roles, epochs",
        "grows with each entry",
        purpose="to know whose signature counts",
        retention="as long as the hotline runs; removed people stay named in the chain",
    ),
    _file(
        "keeper/grants.bin",
        "team keys, each sealed to one member of staff",
        "one for each member and epoch",
        risk=Risk.HIGH,
        purpose="to let members of the team read",
        retention="until the member is removed",
    ),
    _file(
        "keeper/newcomers.bin",
        "who is invited and who waits to be let in: shown name, public keys, roles, by whom",
        "at most 64 at a time",
        purpose="to let a colleague compare and grant",
        retention="24 hours unused, 7 days waiting; until let in or withdrawn",
    ),
    _file(
        "keeper/mirror.bin",
        "the public half of the mirror's offline key; when it was set and a mirror last made",
        "48 bytes",
        purpose="to seal the mirror, and to know how old it is",
        retention="until the mirror is ended",
    ),
    _file(
        "havenline.mirror",
        "slot file, roster and grants once more, sealed to a key that is kept offline",
        "on another disk; a little larger than the slot file",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to bring the hotline back when its machine is lost",
        readers="nobody without the offline key",
        retention="overwritten every hour by the next; never kept in versions",
    ),
    _file(
        "database/havenline.sqlite3",
        "the tables listed here",
        "an SQLite file",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose=TALK.purpose,
        readers="web, desk, courier, caretaker",
        retention="row by row, as listed; deleted rows are overwritten",
    ),
    _file(
        "database/havenline.sqlite3-wal",
        "pages changed since the last checkpoint; with it havenline.sqlite3-shm, an index of it",
        "an SQLite file",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose=TALK.purpose,
        readers="web, desk, courier, caretaker",
        retention="emptied at each checkpoint, at least after each sweep",
    ),
    _file(
        "database/writers",
        "two numbers, by which the processes write one after the other",
        "16 bytes",
        risk=Risk.LOW,
        purpose="that no process waits for ever while others write",
        readers="web, desk, courier, caretaker",
        retention="overwritten at each commit",
    ),
    _file(
        "database/havenline.sqlite3-backup",
        "a copy of the database while a backup is being written",
        "an SQLite file",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to back up a database that is in use",
        readers="whoever runs the backup",
        retention="minutes; overwritten and deleted when the backup is written, or after a crash "
        "at the next `up`, `restore` or `backup`",
    ),
    _file(
        "database/havenline.pgdump-backup",
        "with PostgreSQL: an archive of the database while a backup is being written",
        "pg_dump's custom format",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to back up a database that is in use",
        readers="whoever runs the backup",
        retention="minutes; overwritten and deleted when the backup is written, or after a crash "
        "at the next `up`, `restore` or `backup`",
    ),
    _file(
        ".restoring/",
        "a backup's files, decrypted, while they are checked and brought up to date",
        "a folder, mode 0700: the files that a backup holds",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to replace nothing before the backup is known to be whole",
        readers="whoever runs the restore",
        retention="minutes; overwritten and deleted when the restore ends, or after a crash at the "
        "next `up` or `restore`",
    ),
    _file(
        "database/havenline.sqlite3-before-0001",
        "a copy of the database from before an upgrade; named after the new schema",
        "an SQLite file",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to lose nothing where an upgrade fails",
        readers="whoever runs the upgrade",
        retention="overwritten and deleted when the upgrade has succeeded",
    ),
    _file(
        "courier/seed",
        "the courier's keys: replies and addresses are sealed to them",
        "32 bytes",
        risk=Risk.HIGH,
        purpose="to send and receive over messengers",
        readers="courier; encrypted backups hold it",
    ),
    _file(
        "courier/sent.bin",
        "ids of replies, and of their attachments, that were sent",
        "16 bytes each",
        about=About.CONVERSATIONS,
        risk=Risk.LOW,
        purpose="to send no reply twice",
        readers="courier",
        retention="as long as the reply could come again",
    ),
    _file(
        "courier/met.bin",
        "whom the messengers' own stores have still to forget one day",
        "the channel's number and a keyed hash of the address, 33 bytes each",
        about=About.CONVERSATIONS,
        risk=Risk.LOW,
        purpose="to have a messenger forget who ended while no courier ran",
        readers="courier; no backup holds it",
        retention="until the messenger has forgotten the address, moments after the conversation",
    ),
    _file(
        "courier/deltachat/state/",
        "the Delta Chat core's own files: the hotline's account; mail addresses and public keys of "
        "who wrote, in clear; messages until they are sealed",
        "SQLite and blobs, where channels.deltachat.folder says",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to receive and send over Delta Chat",
        readers="courier and the core, its child; no backup holds it",
        retention="messages: overwritten within a minute of sealing; people: until the "
        "conversation, or the address, is forgotten",
    ),
    _file(
        "courier/matrix/",
        "the account's token; sealed device keys, and in clear which people and devices they "
        "belong to; how far was read, and in which of several rooms somebody last wrote",
        "account.json, keys.db, position.json",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to receive and send over Matrix",
        readers="courier; no backup holds it",
        retention="people: until the conversation, or the address, is forgotten",
    ),
    _file(
        "courier/signal/",
        "messages that are not stored yet and to whom was sent when, both sealed under the "
        "courier's seed; signal-cli's own folder, which is elsewhere, holds contacts in clear",
        "journal/, sent/, invite.txt, alive",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to lose no message, and to delete replies on the other side",
        readers="courier; no backup holds it",
        retention="messages: moments; what was sent: two days, or until it is forgotten",
    ),
    _file(
        "courier/*-canary/",
        "a second account of the hotline at the same messenger, which writes to it now and then: "
        "its keys or token, and the hotline's own address; nobody else's",
        "deltachat-canary/state/ and identity.backup; matrix-canary/account.json, keys.db",
        risk=Risk.LOW,
        purpose="to learn that nothing arrives before anybody waits in vain",
        readers="courier and the Delta Chat core, its child; encrypted backups hold "
        "identity.backup alone",
        retention="until somebody removes the folder",
    ),
    _file(
        "courier/*/identity.backup",
        "what brings a messenger account of the hotline back: its keys or tokens, nobody else's",
        "one file for each channel, sealed under the courier's seed",
        risk=Risk.HIGH,
        purpose="to keep the account, and so the printed invites, when a folder is lost",
        readers="courier; encrypted backups hold it",
    ),
    _file(
        "courier/duty/",
        "who of the staff is told that somebody waits: a word of the operator's, an address, hours",
        "a sealed file each",
        risk=Risk.MEDIUM,
        purpose="to tell counsellors on duty and whoever looks after the hotline",
        readers="courier, operator",
        retention="until the person is removed",
    ),
    _file(
        "caretaker/seed",
        "the key under which the caretaker signs findings",
        "32 bytes",
        purpose="to tell genuine findings from others",
        readers="caretaker; encrypted backups hold it",
    ),
    _file(
        "run/",
        "sockets between the processes; nothing is stored in them",
        "Unix sockets",
        risk=Risk.LOW,
        readers="the processes",
        retention="while the hotline runs",
    ),
    _file(
        "run/courier-files/",
        "an attachment on its way to the Delta Chat core, which knows files by paths alone",
        "one file, in clear",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to send what a counsellor attached",
        readers="courier and the core, its child",
        retention="moments, until the core has its copy; in memory under systemd",
    ),
    _file(
        "(where you put it) a backup",
        "database and key files of courier and caretaker, encrypted; never the slot file",
        "one file",
        about=About.CONVERSATIONS,
        risk=Risk.HIGH,
        purpose="to survive the loss of the machine",
        readers="whoever has the passphrase or key file; content of what was forgotten: nobody",
        retention="as the organisation decides",
    ),
    _file(
        "(standard error) the log",
        "what the processes did and what failed: no text, no address, no name, no id of a "
        "conversation",
        "JSON lines",
        risk=Risk.LOW,
        purpose="to run the hotline and find faults",
        readers="the operator",
        retention="as the machine's log is set; a week or less is advised",
    ),
)
