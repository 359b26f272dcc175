"""`havenline check` names languages that nobody has read whose first language they are."""

from intake_server.settings import PageSettings, Settings
from intake_server.unreviewed import unread_languages


def test_languages_that_no_native_speaker_has_read_are_named():
    found = {each.name: each for each in unread_languages(Settings())}
    assert set(found) == {"client_languages_unread", "desk_languages_unread"}
    assert not any(each.dangerous for each in found.values())
    assert "ar, bg, de" in found["client_languages_unread"].what
    only = Settings(page=PageSettings(languages=("en", "uk")))
    found = {each.name: each.what for each in unread_languages(only)}
    assert found["client_languages_unread"].endswith("has read: uk.")
    english = Settings(page=PageSettings(languages=("en",)))
    assert {each.name for each in unread_languages(english)} == {"desk_languages_unread"}
    nonsense = Settings(page=PageSettings(languages=("xx",)))
    assert {each.name for each in unread_languages(nonsense)} == {"desk_languages_unread"}
