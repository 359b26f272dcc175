"""Settings: frozen, read once from one TOML file at start, handed down from there.

`config/havenline.toml` shows every key with its default. No setting is a secret: keys and
passwords lie in files of their own, so a settings object may be printed.
"""

import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec

from intake_server.attachment_settings import AttachmentSettings
from triage.duty import DutyHours

FILE_NAME = "havenline.toml"
DEFAULT_FOLDER = Path("data")

# 1,024 records are kept for staff and addresses (docs/keeper.md); below twice that the keeper
# would pace new contacts from the first day.
MIN_SLOT_RECORDS = 2_048
MAX_SLOT_RECORDS = 16_777_216

MAX_TEXT = 2_000  # characters of one of the organisation's own texts on the client page
MAX_LINE = 200  # characters of a title, a name, a telephone number


class SettingsError(Exception):
    """The settings cannot be used; the text says which key in which file, and what to do."""


class _Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A section of the file; a key it does not know is an error."""


class DataSettings(_Section, frozen=True):
    """Where the hotline's own files lie."""

    folder: Path = DEFAULT_FOLDER
    database_url: str = ""  # empty: SQLite in `database_dir`

    def __post_init__(self) -> None:
        """Fill in the default database and refuse a password in its address."""
        if not self.database_url:
            url = f"sqlite:///{self.database_dir / 'havenline.sqlite3'}"
            msgspec.structs.force_setattr(self, "database_url", url)
        _check_database_url(self.database_url)

    @property
    def keeper_dir(self) -> Path:
        """The slot file, its twin and the roster; the keeper's alone."""
        return self.folder / "keeper"

    @property
    def database_dir(self) -> Path:
        """The SQLite database, unless `database_url` names another one."""
        return self.folder / "database"

    @property
    def courier_dir(self) -> Path:
        """The courier's keys, its messengers' state and the ids it has sent."""
        return self.folder / "courier"

    @property
    def caretaker_dir(self) -> Path:
        """The caretaker's signing key and its schedule's state."""
        return self.folder / "caretaker"

    @property
    def run_dir(self) -> Path:
        """The sockets between the processes, and what lives for moments; empty when none runs."""
        return self.folder / "run"


class WebSettings(_Section, frozen=True):
    """Where the client page is served."""

    host: str = "127.0.0.1"
    port: int = 8080
    public_url: str | None = None

    def __post_init__(self) -> None:
        """Check address and port."""
        _check_listener(self.host, self.port, self.public_url)


class DeskSettings(_Section, frozen=True):
    """Where the desk is served; never on the client page's host name."""

    host: str = "127.0.0.1"
    port: int = 8081
    public_url: str | None = None

    def __post_init__(self) -> None:
        """Check address and port."""
        _check_listener(self.host, self.port, self.public_url)


class SlotSettings(_Section, frozen=True):
    """The slot file's constant size, in records of 256 bytes."""

    records: int = 131_072

    def __post_init__(self) -> None:
        """Check the size."""
        if not MIN_SLOT_RECORDS <= self.records <= MAX_SLOT_RECORDS:
            raise ValueError(
                f"records must lie between {MIN_SLOT_RECORDS} and {MAX_SLOT_RECORDS}; "
                "131072 serves 100,000 conversations a year"
            )


class KeeperSettings(_Section, frozen=True):
    """Which system user may speak to the keeper as which peer; empty: the keeper's own user."""

    web_user: str = ""
    desk_user: str = ""
    courier_user: str = ""
    caretaker_user: str = ""
    operator_user: str = ""

    @property
    def is_user_each(self) -> bool:
        """Whether each process has a user of its own, as under systemd."""
        return all((self.web_user, self.desk_user, self.courier_user, self.caretaker_user))


class Signpost(_Section, frozen=True):
    """Others who can help: who, how they help, and their telephone number."""

    name: str
    how: str = ""
    telephone: str = ""

    def __post_init__(self) -> None:
        """Check that it leads somewhere."""
        if not self.name.strip() or not (self.how.strip() or self.telephone.strip()):
            raise ValueError("a signpost needs a name and at least one of how and telephone")
        _check_lines(name=self.name, how=self.how, telephone=self.telephone)


class PageSettings(_Section, frozen=True):
    """What the client page says about the organisation, in its own words."""

    title: str = "Information"
    exit_url: str = "https://www.wikipedia.org/"
    language: str = "en"
    languages: tuple[str, ...] = ()  # that are offered; empty: all that are there
    time_zone: str = "UTC"
    emergency_number: str = "112"
    organisation: str = ""
    responsible: str = ""
    data_contact: str = ""  # who answers questions about data, and how to reach them
    complain: str = ""
    must_tell: str = ""
    limits: str = ""
    hours: tuple[str, ...] = ()  # of duty, in `time_zone`; empty: the page says nothing of them
    signposts: tuple[Signpost, ...] = ()

    def __post_init__(self) -> None:
        """Check addresses, numbers and lengths."""
        _check_web_address("exit_url", self.exit_url, path_allowed=True)
        for code in (self.language, *self.languages):
            if not re.fullmatch(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*", code):
                raise ValueError('a language must be a language code such as "en", "uk" or "pt-BR"')
        if not re.fullmatch(r"[0-9+*#][0-9+*# -]{1,19}", self.emergency_number):
            raise ValueError('emergency_number must be a telephone number such as "112"')
        if self.time_zone not in zoneinfo.available_timezones():
            raise ValueError('time_zone must be the name of a time zone such as "Europe/Berlin"')
        DutyHours.read(self.hours, zoneinfo.ZoneInfo(self.time_zone))
        if not self.title.strip():
            raise ValueError("title must not be empty; choose a neutral word")
        _check_lines(title=self.title, organisation=self.organisation)
        _check_lines(responsible=self.responsible, data_contact=self.data_contact)
        for name, text in (
            ("complain", self.complain),
            ("must_tell", self.must_tell),
            ("limits", self.limits),
        ):
            if len(text) > MAX_TEXT:
                raise ValueError(f"{name} is longer than {MAX_TEXT} characters; shorten it")


class ScreeningSettings(_Section, frozen=True):
    """`on`: arriving text is screened; `off`: strict end-to-end encryption."""

    mode: Literal["on", "off"] = "on"
    languages: tuple[str, ...] = ()  # whose rules are loaded; empty: all


class GuidedSettings(_Section, frozen=True):
    """Whether a few optional questions are offered once the first message is stored."""

    questions: bool = True


class SafeguardingSettings(_Section, frozen=True):
    """What counsellors do where a client may be under 18: one text, or one for each country.

    Countries are codes of ISO 3166-1, such as "DE".
    """

    text: str = ""
    countries: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check the codes and the lengths."""
        for code, text in self.countries.items():
            if not re.fullmatch(r"[A-Z]{2}", code):
                raise ValueError('countries must be codes of two capital letters, such as "DE"')
            if not text.strip() or len(text) > MAX_TEXT:
                raise ValueError(f"the steps for {code} must have 1 to {MAX_TEXT} characters")
        if len(self.text) > MAX_TEXT:
            raise ValueError(f"text is longer than {MAX_TEXT} characters; shorten it")


class LoopbackSettings(_Section, frozen=True):
    """The channel in memory, for tests and demonstration."""

    enabled: bool = False


class DeltaChatSettings(_Section, frozen=True):
    """Delta Chat. `name` is what a look over the shoulder sees above the chat.

    `canary`: whether a second account, made beside it, writes to the hotline now and then.
    """

    enabled: bool = False
    name: str = "Info"
    folder: str = ""  # empty: in the courier's folder
    canary: bool = False

    def __post_init__(self) -> None:
        """Check the name and the folder."""
        _check_lines(name=self.name)
        if not self.name.strip():
            raise ValueError("name must not be empty; choose a neutral word")
        if self.folder and not self.folder.startswith("/"):
            raise ValueError("folder must be a whole path, such as /run/havenline/deltachat")


class MatrixSettings(_Section, frozen=True):
    """Matrix. The account lies in the courier's folder; `proxy` is empty or a proxy's address.

    `canary`: whether a second account, signed in beside it, writes to the hotline now and then.
    """

    enabled: bool = False
    proxy: str = ""
    canary: bool = False


class SignalSettings(_Section, frozen=True):
    """Signal, by a signal-cli-rest-api in json-rpc mode on this machine.

    `number` is the hotline's own. `webhook_port`: where the server also posts what arrives; 0 for
    nowhere, and then messages are lost while nobody is attached. `canary_number`: of a second
    account on the same server that writes to the hotline now and then; empty for none.
    """

    enabled: bool = False
    url: str = "http://127.0.0.1:8090"
    number: str = ""
    webhook_port: int = 0
    canary_number: str = ""

    def __post_init__(self) -> None:
        """Check what is needed where it is switched on."""
        _check_web_address("url", self.url, path_allowed=False)
        if self.enabled and not re.fullmatch(r"\+[0-9]{5,15}", self.number):
            raise ValueError('number must be the hotline\'s number, such as "+4915550001111"')
        if self.canary_number and self.canary_number == self.number:
            raise ValueError("canary_number must be another number than the hotline's")
        if not 0 <= self.webhook_port <= 65_535:  # noqa: PLR2004 - the range of TCP ports
            raise ValueError("webhook_port must lie between 1 and 65535, or be 0 for none")


class ChannelSettings(_Section, frozen=True):
    """Which channels the courier runs."""

    loopback: LoopbackSettings = msgspec.field(default_factory=LoopbackSettings)
    deltachat: DeltaChatSettings = msgspec.field(default_factory=DeltaChatSettings)
    matrix: MatrixSettings = msgspec.field(default_factory=MatrixSettings)
    signal: SignalSettings = msgspec.field(default_factory=SignalSettings)
    vanish_days: int = 7
    canary_minutes: int = 3

    def __post_init__(self) -> None:
        """Check the times."""
        if not 1 <= self.vanish_days <= 365:  # noqa: PLR2004 - the sentence below names both
            raise ValueError("vanish_days must lie between 1 and 365")
        if not 2 <= self.canary_minutes <= 1_440:  # noqa: PLR2004 - the sentence below names both
            raise ValueError("canary_minutes must lie between 2 and 1440")

    @property
    def is_any_on(self) -> bool:
        """Whether any messenger is switched on."""
        each = (self.loopback, self.deltachat, self.matrix, self.signal)
        return any(one.enabled for one in each)


class MirrorSettings(_Section, frozen=True):
    """Where the keeper's mirror is carried every hour: a folder on another disk; None: nowhere."""

    folder: Path | None = None

    def __post_init__(self) -> None:
        """Check that it means the same folder wherever somebody stands."""
        if self.folder is not None and not self.folder.is_absolute():
            raise ValueError("folder must begin with /")


class SafetySettings(_Section, frozen=True):
    """Guards that may be lifted, each at the price of keys reaching the disk."""

    allow_swap: bool = False
    allow_core_dumps: bool = False


class LogSettings(_Section, frozen=True):
    """How much is logged; no level ever logs texts, names or addresses."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class BudgetSettings(_Section, frozen=True):
    """How much one conversation may send; a sign of danger always goes through."""

    messages_per_hour: int = 30

    def __post_init__(self) -> None:
        """Check the number."""
        if not 1 <= self.messages_per_hour <= 1_000:  # noqa: PLR2004 - the sentence below names both
            raise ValueError("messages_per_hour must lie between 1 and 1000")


class Settings(_Section, frozen=True):
    """All settings, one attribute for each section of the file."""

    data: DataSettings = msgspec.field(default_factory=DataSettings)
    web: WebSettings = msgspec.field(default_factory=WebSettings)
    desk: DeskSettings = msgspec.field(default_factory=DeskSettings)
    slots: SlotSettings = msgspec.field(default_factory=SlotSettings)
    keeper: KeeperSettings = msgspec.field(default_factory=KeeperSettings)
    page: PageSettings = msgspec.field(default_factory=PageSettings)
    screening: ScreeningSettings = msgspec.field(default_factory=ScreeningSettings)
    guided: GuidedSettings = msgspec.field(default_factory=GuidedSettings)
    safeguarding: SafeguardingSettings = msgspec.field(default_factory=SafeguardingSettings)
    channels: ChannelSettings = msgspec.field(default_factory=ChannelSettings)
    attachments: AttachmentSettings = msgspec.field(default_factory=AttachmentSettings)
    mirror: MirrorSettings = msgspec.field(default_factory=MirrorSettings)
    safety: SafetySettings = msgspec.field(default_factory=SafetySettings)
    log: LogSettings = msgspec.field(default_factory=LogSettings)
    budget: BudgetSettings = msgspec.field(default_factory=BudgetSettings)

    def __post_init__(self) -> None:
        """Refuse one listener for clients and staff."""
        if (self.web.host, self.web.port) == (self.desk.host, self.desk.port) and self.web.port:
            raise ValueError("web and desk must not share host and port; give the desk another one")


def load_settings(*, config: Path | None = None, folder: Path | None = None) -> Settings:
    """Read the settings.

    `config` is the file named by `--config`: it must exist. Without it `havenline.toml` in the
    data folder is read if it is there, and else the defaults hold. `folder` is the data folder
    named by `--data`; it goes before the file's own `data.folder`. A relative `data.folder` is
    relative to the file it stands in. The folder in the result is absolute.

    Raises `SettingsError`.
    """
    own = (folder or DEFAULT_FOLDER) / FILE_NAME
    file = config if config is not None else own if own.is_file() else None
    raw = _read(file) if file is not None else {}
    section = raw.setdefault("data", {})
    if isinstance(section, dict):
        if file is not None and config is None and "folder" in section:
            raise SettingsError(
                f"{file}: this file lies in the data folder already; remove data.folder from it"
            )
        if folder is not None or "folder" not in section:
            section["folder"] = str((folder or DEFAULT_FOLDER).absolute())
        elif isinstance(section["folder"], str) and file is not None:
            section["folder"] = str(file.absolute().parent / section["folder"])
    try:
        return msgspec.convert(raw, Settings, dec_hook=_path)
    except msgspec.ValidationError as error:
        raise SettingsError(_sentence(file, str(error))) from None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(
            f"{file}: cannot be read ({error.strerror}). Check its name and its permissions."
        ) from None
    except UnicodeDecodeError:
        raise SettingsError(f"{file}: is not UTF-8 text. Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file}: is not valid TOML: {error}.") from None


def _path(kind: type, value: object) -> Path:
    """Decode what msgspec itself does not know: the only such type here is `Path`."""
    if kind is not Path or not isinstance(value, str) or not value:
        raise ValueError("must be the path of a folder, in quotes")
    return Path(value)


_KINDS = {
    "int": "a whole number",
    "str": "text in quotes",
    "bool": "true or false",
    "array": "a list",
    "object": "a section",
    "float": "a number with a decimal point",
    "null": "nothing",
}
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<key>[^`]*)`")
_MISSING = re.compile(r"Object missing required field `(?P<key>[^`]*)`")
_WRONG_KIND = re.compile(r"Expected `(?P<want>[^`]*)`, got `(?P<got>[^`]*)`")


def _sentence(file: Path | None, message: str) -> str:
    """Turn the decoder's message, which ends in a JSON path, into one about a key in a file."""
    text, _, path = message.partition(" - at `$")
    place = path.rstrip("`").lstrip(".")
    start = f"{file}: " if file is not None else ""
    if match := _UNKNOWN.fullmatch(text):
        key = f"{place}.{match['key']}" if place else match["key"]
        return (
            f"{start}there is no setting {key}. Check its spelling or remove it; "
            "config/havenline.toml lists all settings."
        )
    if match := _MISSING.fullmatch(text):
        return f"{start}{place} lacks {match['key']}. Add it."
    if match := _WRONG_KIND.fullmatch(text):
        wanted = [_KINDS.get(kind, kind) for kind in match["want"].split(" | ") if kind != "null"]
        got = _KINDS.get(match["got"], match["got"])
        return f"{start}{place} must be {' or '.join(wanted)}, but is {got}. Change it."
    if text.startswith("Invalid enum value"):
        value = text.removeprefix("Invalid enum value ")
        return (
            f"{start}{place} cannot be {value}. Choose one of the values that "
            "config/havenline.toml names."
        )
    return f"{start}{place}: {text}." if place else f"{start}{text}."


def _check_listener(host: str, port: int, public_url: str | None) -> None:
    if not host or re.search(r"[\s/@]", host):
        raise ValueError('host must be an address or a host name such as "127.0.0.1"')
    if not 0 <= port <= 65_535:  # noqa: PLR2004 - the range of TCP ports; 0 takes any free one
        raise ValueError("port must lie between 1 and 65535, or be 0 for any free one")
    if public_url is not None:
        _check_web_address("public_url", public_url, path_allowed=False)


def _check_web_address(name: str, url: str, *, path_allowed: bool) -> None:
    try:
        parts = urlsplit(url)
        valid = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        raise ValueError(f"{name} is not a web address") from None
    if parts.scheme not in ("http", "https") or not valid or re.search(r"\s", url):
        raise ValueError(f"{name} must be a web address that begins with https:// or http://")
    if parts.username is not None or parts.password is not None:
        raise ValueError(f"{name} must not contain a user name or a password")
    if not path_allowed and (parts.path not in ("", "/") or parts.query or parts.fragment):
        raise ValueError(f"{name} must end after the host name; the page is served at its root")


def _check_database_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        secret = parts.password is not None or "password" in parse_qs(parts.query)
    except ValueError:
        raise ValueError("database_url is not a database address") from None
    if parts.scheme.partition("+")[0] not in ("sqlite", "postgresql"):
        raise ValueError("database_url must begin with sqlite:/// or postgresql://")
    if secret:
        raise ValueError(
            "database_url must not contain a password; connect over a Unix socket with peer "
            "authentication, or keep the password in a PGPASSFILE"
        )


def _check_lines(**values: str) -> None:
    for name, value in values.items():
        if len(value) > MAX_LINE or "\n" in value:
            raise ValueError(f"{name} must be one line of at most {MAX_LINE} characters")
