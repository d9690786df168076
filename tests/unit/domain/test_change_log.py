from __future__ import annotations

from asterisk_ext.domain.change_log import ChangeLog


def test_a_key_that_changed_twice_is_named_once() -> None:
    log = ChangeLog()
    for key in ("a", "b", "a"):
        log.note(key)
    assert log.since(0) == ["a", "b"]
    assert log.since(2) == ["a"]
    assert log.since(3) == []


def test_who_asks_from_before_what_was_forgotten_begins_anew() -> None:
    log = ChangeLog(memory=4)
    for key in "abcde":
        log.note_gone(key, existing=())
    assert log.since(0) is None
    assert log.since(3) == ["e", "d"]


def test_keys_that_exist_are_never_forgotten() -> None:
    log = ChangeLog(memory=4)
    log.note("living")
    number = log.number
    for step in range(100):
        log.note_gone(f"gone {step}", existing={"living"})
    assert log.since(number - 1) is None
    log.note("living")
    assert log.since(log.number - 1) == ["living"]


def test_a_number_of_another_life_begins_anew() -> None:
    assert ChangeLog().since(7) is None
