"""Dovecot and Exim as Debian has them, as ordinary processes with settings of their own.

Everything they keep lies in one temporary folder; the services of the machine, if it has any, are
neither read nor changed. Every address of `hotline.test` exists and every password is right. Both
are started by root, as they are elsewhere: mail belongs to Debian's user `mail`, what is on its way
to `Debian-exim`.

How they fail is said by files in `faults/`, which Exim looks for at each message, and by `quota`.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from pathlib import Path

from tests.bots.deltachat.post import PATIENCE, MailServer, free_port

PACKAGES = "dovecot-imapd dovecot-lmtpd exim4-daemon-light"
_WHERE = "/usr/sbin:/usr/bin"

_DOVECOT = """
protocols = imap lmtp
base_dir = {folder}/run
verbose_proctitle = yes
log_path = {folder}/log/dovecot
ssl = no
disable_plaintext_auth = no
listen = 127.0.0.1
mail_location = maildir:{folder}/mail/%Lu
mail_uid = mail
mail_gid = mail
first_valid_uid = 1
mail_plugins = quota
quota_full_tempfail = yes
passdb {{
  driver = static
  args = password=pw
}}
userdb {{
  driver = static
  args = uid=mail gid=mail home={folder}/mail/%Lu allow_all_users=yes
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {lmtp}
  }}
}}
protocol imap {{
  mail_plugins = quota imap_quota
}}
plugin {{
  quota = maildir:User quota
  quota_rule = *:bytes={quota}
}}
"""

# A temporary refusal is tried again after a second: Exim's own retry rules are hours.
_EXIM = """
primary_hostname = mail.hotline.test
spool_directory = {folder}/spool
log_file_path = {folder}/log/exim_%slog
pid_file_path = {folder}/spool/exim.pid
daemon_smtp_ports = {smtp}
local_interfaces = 127.0.0.1
tls_advertise_hosts =
keep_environment =
acl_smtp_connect = begun
acl_smtp_mail = begun
acl_smtp_rcpt = recipient
acl_smtp_data = data
message_size_limit = 50M
smtp_accept_max_per_host = 50
smtp_accept_queue_per_connection = 0
recipients_max = 0
begin acl
begun:
  defer
    condition = ${{if exists{{{folder}/faults/away}}}}
    message = try again later
  accept
recipient:
  defer
    condition = ${{if exists{{{folder}/faults/greylisted}}}}
    message = greylisted, try again later
  deny
    condition = ${{if exists{{{folder}/faults/refused}}}}
    message = this address takes no mail
  accept
data:
  defer
    condition = ${{if exists{{{folder}/faults/disk}}}}
    message = no space at the moment
  accept
begin routers
all:
  driver = accept
  transport = dovecot
begin transports
dovecot:
  driver = smtp
  protocol = lmtp
  hosts = 127.0.0.1
  hosts_override
  allow_localhost
  port = {lmtp}
begin retry
* * F,2h,1s
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{pw}}}}
  server_set_id = $auth2
"""


class MissingPackages(Exception):
    """The machine has not got them; the text says what to install."""


def _program(name: str) -> str:
    found = shutil.which(name, path=_WHERE)
    if found is None:
        raise MissingPackages(f"{name} is missing. As root: apt-get install {PACKAGES}")
    return found


class DebianMail(MailServer):
    """Both servers; `close` ends them and removes what they kept."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hlmail"))
        self._running: list[asyncio.subprocess.Process] = []

    async def open(self) -> "DebianMail":
        dovecot, exim = _program("dovecot"), _program("exim4")
        if os.geteuid() != 0:
            raise PermissionError("Dovecot and Exim are started as root; they change users")
        self.folder.chmod(0o711)
        for name, owner in (("mail", "mail"), ("spool", "Debian-exim"), ("faults", "root")):
            (self.folder / name).mkdir(mode=0o755)
            shutil.chown(self.folder / name, owner)
        (self.folder / "run").mkdir(mode=0o755)
        (self.folder / "log").mkdir()
        (self.folder / "log").chmod(0o777)  # each server logs there as its own user
        self.imap, self.smtp, self.lmtp = free_port(), free_port(), free_port()
        self._commands = (
            (dovecot, "-F", "-c", str(self.folder / "dovecot.conf")),
            (exim, "-C", str(self.folder / "exim.conf"), "-bdf", "-q1s"),
        )
        self._write(quota=0)
        await self.start()
        return self

    def _write(self, *, quota: int) -> None:
        ports = {"imap": self.imap, "smtp": self.smtp, "lmtp": self.lmtp}
        for name, settings in (("dovecot", _DOVECOT), ("exim", _EXIM)):
            file = self.folder / f"{name}.conf"
            file.write_text(settings.format(folder=self.folder, quota=quota, **ports))

    async def start(self) -> None:
        """Both, until they answer."""
        for command in self._commands:
            self._running.append(
                await asyncio.create_subprocess_exec(
                    *command,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.DEVNULL,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,
                )
            )
        async with asyncio.timeout(PATIENCE):
            for port in (self.imap, self.lmtp, self.smtp):
                await _answers(port)

    async def kill(self) -> None:
        """As when the power goes: both and all that they have started, at once."""
        for number in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        for each in self._running:
            await each.wait()
        self._running.clear()
        # One that was being started as the others were killed.
        for number in self._processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)

    def drop_readers(self, address: str) -> int:
        """Kill Dovecot's processes that serve this mailbox; how many there were."""
        readers = [
            number
            for number in self._processes()
            if _name(number) == "imap" and f"[{address} " in _command(Path(f"/proc/{number}"))
        ]
        for number in readers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(number, signal.SIGKILL)
        return len(readers)

    def _processes(self) -> list[int]:
        """These two, and what descends from them or was left by them.

        Each began a session of its own; a child of Exim's may begin another, and is found by the
        folder in its command line.
        """
        sessions = {each.pid for each in self._running}
        return [
            int(entry.name)
            for entry in Path("/proc").iterdir()
            if entry.name.isdigit()
            and (_session(int(entry.name)) in sessions or str(self.folder) in _command(entry))
        ]

    async def close(self) -> None:
        await self.kill()
        shutil.rmtree(self.folder)

    # --- how they fail --------------------------------------------------------------------

    def begin(self, fault: str) -> None:
        """From now on, until `end`: `away`, `greylisted`, `disk` (each 451) or `refused` (550)."""
        (self.folder / "faults" / fault).touch()

    def end(self, fault: str) -> None:
        (self.folder / "faults" / fault).unlink()

    async def limit(self, quota: int) -> None:
        """So many bytes in each mailbox from now on; 0: as many as there is room for."""
        self._write(quota=quota)
        before = self._reloads()
        self._running[0].send_signal(signal.SIGHUP)
        async with asyncio.timeout(PATIENCE):
            while self._reloads() == before:  # noqa: ASYNC110 - another process's file
                await asyncio.sleep(0.05)

    def _reloads(self) -> int:
        log = self.folder / "log" / "dovecot"
        return log.read_text(errors="replace").count("SIGHUP received") if log.exists() else 0

    # --- what they keep -------------------------------------------------------------------

    def mails_of(self, address: str) -> list[Path]:
        """The files of one mailbox, each one mail."""
        mailbox = self.folder / "mail" / address
        return [file for part in ("new", "cur") for file in (mailbox / part).glob("*")]

    def on_its_way(self) -> list[Path]:
        """What Exim has taken and not delivered."""
        return list((self.folder / "spool" / "input").rglob("*-H"))

    def put_off(self) -> list[Path]:
        """What of it Dovecot has refused for now; the rest may be on the point of going in."""
        found = []
        for file in (self.folder / "spool" / "msglog").glob("*"):
            with contextlib.suppress(FileNotFoundError):
                if " defer (" in file.read_text(errors="replace"):
                    found.append(file)
        return found

    def hold(self, *sought: bytes) -> list[str]:
        """Names of files that hold one of these; everything both servers write is looked at."""
        found = []
        for file in self.folder.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if file.is_file() and any(one in file.read_bytes() for one in sought):
                    found.append(str(file.relative_to(self.folder)))
        return found


async def _answers(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            greeted = await reader.readline()
            writer.close()
            if greeted:
                return
        await asyncio.sleep(0.05)


def _session(number: int) -> int:
    try:
        return os.getsid(number)
    except ProcessLookupError:
        return 0


def _name(number: int) -> str:
    try:
        return Path(f"/proc/{number}/comm").read_text().strip()
    except OSError:
        return ""


def _command(entry: Path) -> str:
    try:
        return (entry / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
