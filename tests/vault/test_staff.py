"""Staff rows: stored again without harm, found by tag and by id."""

from tests.vault.rows import an_id, outer
from vault import staff
from vault.staff import StaffRow


def a_row():
    return StaffRow(an_id(), an_id(), outer())


def test_a_row_is_found_by_id_and_by_login_tag(c):
    rows = [a_row(), a_row()]
    for row in rows:
        staff.put(c, row)
    assert staff.by_id(c, rows[0].id) == rows[0]
    assert staff.by_login_tag(c, rows[1].login_tag) == rows[1]
    assert staff.by_id(c, an_id()) is None
    assert staff.by_login_tag(c, an_id()) is None
    assert staff.all(c) == sorted(rows, key=lambda row: row.id)


def test_the_same_again_changes_nothing(c):
    row = a_row()
    staff.put(c, row)
    staff.put(c, row)
    assert staff.all(c) == [row]


def test_a_new_password_replaces_the_wrapped_keys(c):
    row = a_row()
    staff.put(c, row)
    changed = StaffRow(row.id, row.login_tag, outer())
    staff.put(c, changed)
    assert staff.all(c) == [changed]


def test_a_set_up_that_was_started_over_leaves_one_row_for_the_name(c):
    stopped = a_row()
    staff.put(c, stopped)
    again = StaffRow(an_id(), stopped.login_tag, outer())
    staff.put(c, again)
    assert staff.all(c) == [again]


def test_a_removed_person_is_gone(c):
    rows = [a_row(), a_row()]
    for row in rows:
        staff.put(c, row)
    assert staff.remove(c, [rows[0].id, an_id()]) == 1
    assert staff.all(c) == [rows[1]]


def test_keys_do_not_show_in_repr():
    assert "canary" not in repr(StaffRow(an_id(), an_id(), b"canary"))
