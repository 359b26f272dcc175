"""Settings: defaults, files, and sentences that say what to do."""

import re
from pathlib import Path

import msgspec
import pytest

from intake_server.settings import (
    DataSettings,
    PageSettings,
    Settings,
    SettingsError,
    Signpost,
    load_settings,
)

EXAMPLE = Path(__file__).parents[2] / "config" / "havenline.toml"


def written(folder: Path, text: str) -> Path:
    file = folder / "some.toml"
    file.write_text(text, encoding="utf-8")
    return file


def refusal(folder: Path, text: str) -> str:
    file = written(folder, text)
    with pytest.raises(SettingsError) as caught:
        load_settings(config=file)
    assert str(file) in str(caught.value)
    return str(caught.value)


def keys_of(struct: type[msgspec.Struct]) -> list[str]:
    return [field.name for field in msgspec.structs.fields(struct)]


def test_without_a_file_the_defaults_hold(tmp_path: Path):
    settings = load_settings(folder=tmp_path)
    assert settings.web.port == 8080
    assert settings.desk.port == 8081
    assert settings.slots.records == 131_072
    assert settings.screening.mode == "on"
    assert not settings.channels.loopback.enabled
    assert not settings.safety.allow_swap
    assert settings.data.folder == tmp_path


def test_everything_lies_under_the_data_folder(tmp_path: Path):
    data = load_settings(folder=tmp_path).data
    folders = {
        data.keeper_dir,
        data.database_dir,
        data.courier_dir,
        data.caretaker_dir,
        data.run_dir,
    }
    assert len(folders) == 5
    assert {folder.parent for folder in folders} == {tmp_path}
    assert data.database_url == f"sqlite:///{tmp_path}/database/havenline.sqlite3"


def test_a_relative_folder_becomes_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    assert load_settings().data.folder == tmp_path / "data"
    assert load_settings(folder=Path("here")).data.folder == tmp_path / "here"


def test_the_file_in_the_data_folder_is_read(tmp_path: Path):
    (tmp_path / "havenline.toml").write_text("[web]\nport = 9000\n", encoding="utf-8")
    assert load_settings(folder=tmp_path).web.port == 9000


def test_a_named_file_goes_before_the_one_in_the_data_folder(tmp_path: Path):
    (tmp_path / "havenline.toml").write_text("[web]\nport = 9000\n", encoding="utf-8")
    named = written(tmp_path, "[web]\nport = 9001\n")
    assert load_settings(config=named, folder=tmp_path).web.port == 9001


def test_a_folder_in_a_named_file_is_relative_to_that_file(tmp_path: Path):
    named = written(tmp_path, '[data]\nfolder = "store"\n')
    assert load_settings(config=named).data.folder == tmp_path / "store"
    assert load_settings(config=named, folder=tmp_path / "x").data.folder == tmp_path / "x"


def test_a_file_in_the_data_folder_cannot_point_elsewhere(tmp_path: Path):
    (tmp_path / "havenline.toml").write_text('[data]\nfolder = "/srv"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match=r"remove data\.folder"):
        load_settings(folder=tmp_path)


def test_the_shipped_example_holds_the_defaults(tmp_path: Path):
    assert load_settings(config=EXAMPLE, folder=tmp_path) == load_settings(folder=tmp_path)


def test_the_shipped_example_names_every_key():
    text = EXAMPLE.read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Settings):
        blocks = re.split(r"(?m)^(?=\[)", text)
        part = "".join(block for block in blocks if block.startswith(f"[{section.name}"))
        inner = section.default_factory
        for key in keys_of(inner):
            assert f"{key} = " in part or f".{key}]" in part, f"{section.name}.{key}"
    for key in keys_of(Signpost):
        assert f"# {key} = " in text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[web]\nprot = 80\n", ["no setting web.prot", "spelling"]),
        ("[wbe]\nport = 80\n", ["no setting wbe", "spelling"]),
        ("[channels.loopback]\non = true\n", ["no setting channels.loopback.on"]),
        ('[web]\nport = "80"\n', ["web.port must be a whole number", "is text in quotes"]),
        ('web = "x"\n', ["web must be a section"]),
        ("data = 3\n", ["data must be a section"]),
        ("[web]\nport = 65536\n", ["web", "port must lie between 1 and 65535"]),
        ('[web]\nhost = ""\n', ["host must be an address"]),
        ('[web]\npublic_url = "ftp://x.org"\n', ["public_url", "https://"]),
        ('[web]\npublic_url = "https://x.org/page"\n', ["public_url must end after the host"]),
        ('[desk]\npublic_url = "https://a:b@x.org"\n', ["must not contain a user name"]),
        ('[page]\nexit_url = "javascript:alert(1)"\n', ["exit_url", "https://"]),
        ('[page]\nexit_url = "https://[::1"\n', ["exit_url is not a web address"]),
        ('[page]\nlanguage = "English"\n', ["language must be a language code"]),
        ('[page]\nemergency_number = "call us"\n', ["emergency_number must be a telephone number"]),
        ('[page]\ntitle = " "\n', ["title must not be empty"]),
        (f'[page]\nmust_tell = "{"x" * 2001}"\n', ["must_tell is longer than 2000"]),
        ('[[page.signposts]]\nhow = "x"\n', ["page.signposts[0] lacks name"]),
        ('[[page.signposts]]\nname = "x"\n', ["at least one of how and telephone"]),
        ('[screening]\nmode = "maybe"\n', ["screening.mode cannot be 'maybe'"]),
        ('[log]\nlevel = "loud"\n', ["log.level cannot be 'loud'"]),
        ("[slots]\nrecords = 10\n", ["records must lie between 2048"]),
        ("[budget]\nmessages_per_hour = 0\n", ["messages_per_hour must lie between 1"]),
        ('[data]\ndatabase_url = "mysql://x/y"\n', ["database_url must begin with sqlite"]),
        ("[web]\nport = 8081\n", ["web and desk must not share"]),
        ("[data]\nfolder = 3\n", ["data.folder: must be the path of a folder"]),
        ("[web\n", ["is not valid TOML"]),
    ],
)
def test_a_bad_file_gets_a_sentence_that_names_key_and_file(tmp_path, text, words):
    sentence = refusal(tmp_path, text)
    for word in words:
        assert word in sentence


def test_a_password_in_the_database_address_is_refused_and_not_repeated(tmp_path: Path):
    for url in ("postgresql://u:hunter2@db/h", "postgresql:///h?password=hunter2"):
        sentence = refusal(tmp_path, f'[data]\ndatabase_url = "{url}"\n')
        assert "must not contain a password" in sentence
        assert "hunter2" not in sentence


def test_a_missing_or_unreadable_file_is_named(tmp_path: Path):
    with pytest.raises(SettingsError, match=r"gone\.toml: cannot be read"):
        load_settings(config=tmp_path / "gone.toml")
    (tmp_path / "latin.toml").write_bytes(b'[page]\ntitle = "caf\xe9"\n')
    with pytest.raises(SettingsError, match="UTF-8"):
        load_settings(config=tmp_path / "latin.toml")


def test_sections_made_in_code_are_checked_too():
    with pytest.raises(ValueError, match="title must not be empty"):
        PageSettings(title="")
    with pytest.raises(ValueError, match="password"):
        DataSettings(database_url="postgresql://u:p@h/d")


def test_settings_cannot_be_changed(tmp_path: Path):
    settings = load_settings(folder=tmp_path)
    with pytest.raises(AttributeError):
        settings.web.port = 1  # type: ignore[misc]  # that it is refused is the point
