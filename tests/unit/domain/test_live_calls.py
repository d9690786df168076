"""What the live calls table holds to; see also the recordings in ``tests/scenarios/calls``."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.call_events import Bridge, Changed, Created, Dialled, Ended, Held
from asterisk_ext.domain.live_calls import KEEP_BUSY, REMEMBER, LiveCalls
from tests.unit.domain.channels import AT, channel, legs

LATER = "2026-11-22T19:13:00.000+0000"


@pytest.fixture
def calls() -> LiveCalls:
    return LiveCalls("node1")


def ring(calls: LiveCalls, *phones: str, by: str = "100") -> None:
    """``by`` dials 600, and the phones ring."""
    calls.apply(Created(channel(by, exten="600"), AT), 0)
    for phone in phones:
        calls.apply(Created(channel(phone, state="Down", of=by), AT), 0)
        calls.apply(Dialled(channel(by), channel(phone, state="Down", of=by), phone, "", AT), 0)
        calls.apply(Changed(channel(phone, state="Ringing", of=by), AT), 0)


def answer(calls: LiveCalls, phone: str, by: str = "100") -> None:
    calls.apply(Changed(channel(phone, state="Up", of=by, formats="(alaw)"), LATER), 1)
    calls.apply(Dialled(channel(by), channel(phone, state="Up", of=by), "", "ANSWER", LATER), 1)
    calls.apply(Changed(channel(by, state="Up", formats="(alaw)"), LATER), 1)


def test_a_ring_group_is_one_row_with_the_one_who_answered(calls: LiveCalls) -> None:
    ring(calls, "200", "201")
    assert legs(calls.row("100")) == [("Ramal 100", "Ring"), ("Ramal 200", "Ringing"), ("Ramal 201", "Ringing")]
    answer(calls, "201")
    calls.apply(Ended("200", 26, LATER), 1)
    row = calls.row("100")
    assert row
    assert [(leg["name"], leg["answerer"]) for leg in row["destinations"]] == [("Ramal 201", "201")]
    assert row["answered"] == "2026-11-22T19:13:00.000Z"


def test_a_snapshot_in_a_dial_event_that_is_older_than_the_last_state_takes_nothing_back(calls: LiveCalls) -> None:
    ring(calls, "200")
    answer(calls, "200")
    before = calls.row("100")
    calls.apply(Dialled(channel("100"), channel("200", state="Ringing", of="100"), "", "RINGING", AT), 2)
    assert calls.row("100") == before


def test_no_event_takes_a_leg_back_to_a_state_that_it_has_left(calls: LiveCalls) -> None:
    ring(calls, "200")
    calls.apply(Dialled(channel("100"), channel("200", state="Ring", of="100"), "", "RINGING", AT), 2)
    assert legs(calls.row("100")) == [("Ramal 100", "Ring"), ("Ramal 200", "Ringing")]
    answer(calls, "200")
    calls.apply(Changed(channel("200", state="Ringing", of="100"), AT), 2)
    assert legs(calls.row("100")) == [("Ramal 100", "Up"), ("Ramal 200", "Up")]


def test_a_channel_that_has_ended_is_not_revived_by_what_comes_late(calls: LiveCalls) -> None:
    ring(calls, "200")
    calls.apply(Ended("200", 16, AT), 1)
    calls.apply(Changed(channel("200", state="Up", of="100"), AT), 1)
    calls.apply(Dialled(channel("100"), channel("200", of="100"), "", "CANCEL", AT), 1)
    calls.merge([channel("100"), channel("200", of="100")], [], asked=0.5, now=2)
    assert legs(calls.row("100")) == [("Ramal 100", "Ring")]


def test_an_id_that_was_chosen_again_is_a_new_channel(calls: LiveCalls) -> None:
    for _ in range(2):
        ring(calls, "220")
        assert legs(calls.row("100")) == [("Ramal 100", "Ring"), ("Ramal 220", "Ringing")]
        calls.apply(Ended("220", 17, AT), 1)
        calls.apply(Ended("100", 17, AT), 1)


def test_the_memory_of_what_has_ended_is_given_back(calls: LiveCalls) -> None:
    calls.apply(Ended("1", 16, AT), 0)
    calls.apply(Ended("2", 16, AT), REMEMBER + 1)
    calls.apply(Changed(channel("1"), AT), REMEMBER + 1)
    assert list(calls.living()) == ["1"]


def test_a_channel_first_heard_of_in_the_middle_of_its_life_is_shown(calls: LiveCalls) -> None:
    calls.apply(Changed(channel("100", state="Up"), AT), 0)
    assert legs(calls.row("100")) == [("Ramal 100", "Up")]


def test_a_busy_phone_is_shown_as_busy_for_some_seconds_after_its_call(calls: LiveCalls) -> None:
    ring(calls, "220")
    calls.apply(Ended("220", 17, AT), 1)
    calls.apply(Ended("100", 17, AT), 1)
    assert legs(calls.row("100")) == [("Ramal 100", "Busy"), ("Ramal 220", "Busy")]
    assert list(calls.living()) == []
    calls.expire(1 + KEEP_BUSY)
    assert calls.rows() == []


def test_a_busy_phone_of_a_call_that_goes_on_leaves_its_row_by_itself(calls: LiveCalls) -> None:
    ring(calls, "220", "221")
    calls.apply(Ended("220", 17, AT), 1)
    assert ("Ramal 220", "Busy") in legs(calls.row("100"))
    calls.apply(Changed(channel("221", state="Ringing", of="100"), AT), 1 + KEEP_BUSY)
    assert legs(calls.row("100")) == [("Ramal 100", "Ring"), ("Ramal 221", "Ringing")]


def test_a_caller_sent_away_by_the_dialplan_after_a_busy_phone_is_shown_as_busy_too(calls: LiveCalls) -> None:
    ring(calls, "220")
    calls.apply(Ended("220", 17, AT), 1)
    calls.apply(Ended("100", 16, AT), 1)
    assert legs(calls.row("100")) == [("Ramal 100", "Busy"), ("Ramal 220", "Busy")]


def test_an_answered_call_and_a_cancelled_one_leave_at_once(calls: LiveCalls) -> None:
    ring(calls, "200")
    answer(calls, "200")
    ring(calls, "201", by="101")
    for ended in ("200", "100", "101", "201"):
        calls.apply(Ended(ended, 16, AT), 2)
    assert calls.rows() == []


def test_an_answered_caller_who_hangs_up_takes_the_busy_phone_with_him(calls: LiveCalls) -> None:
    ring(calls, "220")
    calls.apply(Changed(channel("100", state="Up"), LATER), 1)
    calls.apply(Ended("220", 17, AT), 1)
    calls.apply(Ended("100", 16, AT), 2)
    assert calls.rows() == []


def test_the_halves_of_a_local_channel_are_collapsed_into_the_phone_behind_them(calls: LiveCalls) -> None:
    calls.apply(Created(channel("100", exten="602"), AT), 0)
    for half in ("1", "2"):
        calls.apply(Created(channel(half, f"Local/200@pbx-1-00000006;{half}", of="100"), AT), 0)
    calls.apply(Dialled(channel("100"), channel("1", "Local/200@pbx-1-00000006;1", of="100"), "", "", AT), 0)
    calls.apply(Created(channel("200", state="Down", of="100"), AT), 0)
    calls.apply(Dialled(channel("2", of="100"), channel("200", state="Ringing", of="100"), "", "", AT), 0)
    assert legs(calls.row("100")) == [("Ramal 100", "Ring"), ("Ramal 200", "Ringing")]


def test_a_snoop_channel_is_never_shown(calls: LiveCalls) -> None:
    calls.apply(Created(channel("9", "Snoop/100-00000000", state="Up"), AT), 0)
    assert calls.rows() == []
    assert list(calls.living()) == []


def test_a_phone_that_picks_up_anothers_call_takes_its_place_and_leaves_no_ghost(calls: LiveCalls) -> None:
    ring(calls, "200")
    calls.apply(Created(channel("300", exten="*8"), AT), 1)
    calls.apply(Changed(channel("300", "PJSIP/1_200-00000200<ZOMBIE>", state="Up", number="200"), AT), 1)
    calls.apply(Changed(channel("200", "PJSIP/1_300-00000300", state="Up", of="100", number="300"), AT), 1)
    calls.apply(Dialled(channel("100"), channel("200", state="Up", of="100"), "", "ANSWER", AT), 1)
    (row,) = calls.rows()
    assert [(leg["channel"], leg["answerer"]) for leg in row["destinations"]] == [("PJSIP/1_300-00000300", "300")]


def test_a_leg_moves_with_its_linkedid_and_takes_the_time_of_its_answer_along(calls: LiveCalls) -> None:
    ring(calls, "200")
    ring(calls, "201", by="101")
    answer(calls, "201", by="101")
    calls.apply(Changed(channel("201", state="Up", of="100"), LATER), 2)
    calls.apply(Ended("101", 16, LATER), 2)
    (row,) = calls.rows()
    assert row["linkedid"] == "100"
    assert [leg["name"] for leg in row["destinations"]] == ["Ramal 200", "Ramal 201"]
    assert row["answered"] == "2026-11-22T19:13:00.000Z"


def test_when_the_caller_transfers_himself_away_the_oldest_leg_is_the_origin(calls: LiveCalls) -> None:
    ring(calls, "200")
    answer(calls, "200")
    calls.apply(Created(channel("201", state="Down", of="100", created=LATER), LATER), 2)
    calls.apply(Dialled(channel("200", of="100"), channel("201", state="Ringing", of="100"), "1_201", "", LATER), 2)
    calls.apply(Ended("100", 16, LATER), 2)
    assert legs(calls.row("100")) == [("Ramal 200", "Up"), ("Ramal 201", "Ringing")]


def test_a_click_to_call_shows_the_number_that_asterisk_dialled_for_the_phone(calls: LiveCalls) -> None:
    calls.apply(Created(channel("100", state="Down"), AT), 0)
    calls.apply(Dialled(None, channel("100", state="Ringing"), "1_100", "", AT), 0)
    calls.apply(Changed(channel("100", state="Up"), AT), 1)
    row = calls.row("100")
    assert row
    assert row["answered"] is None
    calls.apply(Created(channel("200", state="Down", of="100"), AT), 1)
    calls.apply(Dialled(channel("100", state="Up"), channel("200", of="100"), "PJSIP/1_200", "", AT), 1)
    row = calls.row("100")
    assert row
    assert row["origin"]["dialled"] == "200"


def test_the_number_dialled_is_dnid_once_known_and_the_first_extension_before(calls: LiveCalls) -> None:
    calls.apply(Created(channel("5", exten="4835063033"), AT), 0)
    calls.apply(Changed(channel("5", exten="600"), AT), 0)
    row = calls.row("5")
    assert row
    assert row["origin"]["dialled"] == "4835063033"
    calls.apply(Changed(channel("5", exten="600", dnid="554835063033"), AT), 0)
    row = calls.row("5")
    assert row
    assert row["origin"]["dialled"] == "554835063033"


def test_codecs_are_the_latest_that_a_channel_showed(calls: LiveCalls) -> None:
    for formats, codecs in [
        ("(none)", []),
        ("(opus|alaw)", ["opus", "alaw"]),
        ("(opus)", ["opus"]),
        ("(none)", ["opus"]),
    ]:
        calls.apply(Changed(channel("100", formats=formats), AT), 0)
        row = calls.row("100")
        assert row
        assert row["origin"]["codecs"] == codecs


def test_what_an_application_settled_on_is_asked_once(calls: LiveCalls) -> None:
    calls.apply(Created(channel("100"), AT), 0)
    assert calls.unsettled() == []
    calls.apply(Changed(channel("100", state="Up"), AT), 0)
    assert calls.unsettled() == ["100"]
    calls.settle(channel("100", state="Up"), 1)
    assert calls.unsettled() == []


def test_what_a_phone_called_by_asterisk_was_sent_to_is_asked_once(calls: LiveCalls) -> None:
    calls.apply(Created(channel("100", state="Down"), AT), 0)
    calls.apply(Changed(channel("100", state="Up", formats="(alaw)"), AT), 0)
    assert calls.unsettled() == ["100"]
    calls.settle(channel("100", state="Up", formats="(alaw)", exten="604"), 1)
    row = calls.row("100")
    assert row
    assert row["origin"]["dialled"] == "604"
    assert calls.unsettled() == []


def test_a_full_list_adds_what_was_missed_and_drops_what_it_does_not_name(calls: LiveCalls) -> None:
    ring(calls, "200")
    listed = [channel("300", state="Up"), channel("301", state="Up", of="300", application="AppDial")]
    calls.merge(listed, [Bridge(("300", "301"), LATER)], asked=5, now=6)
    (row,) = calls.rows()
    assert row["linkedid"] == "300"
    assert row["answered"] == "2026-11-22T19:13:00.000Z"
    assert [leg["answerer"] for leg in row["destinations"]] == ["301"]


def test_a_full_list_does_not_touch_what_was_heard_of_after_it_was_asked_for(calls: LiveCalls) -> None:
    ring(calls, "200")
    calls.apply(Changed(channel("200", state="Up", of="100"), AT), 6)
    calls.apply(Created(channel("400"), AT), 6)
    calls.apply(Changed(channel("100", formats="(alaw)"), AT), 6)
    calls.merge([channel("100"), channel("200", state="Ringing", of="100")], [], asked=5, now=7)
    row = calls.row("100")
    assert legs(row) == [("Ramal 100", "Ring"), ("Ramal 200", "Up")]
    assert row
    assert row["origin"]["codecs"] == ["alaw"]
    assert legs(calls.row("400")) == [("Ramal 400", "Ring")]


def test_nothing_is_left_when_asterisk_started_anew(calls: LiveCalls) -> None:
    ring(calls, "200")
    number = calls.number
    calls.clear()
    assert calls.rows() == []
    changes = calls.changes_since(number)
    assert changes
    assert changes.removed == ["100"]


def test_an_event_that_changes_nothing_visible_is_no_difference(calls: LiveCalls) -> None:
    ring(calls, "200")
    number = calls.number
    calls.apply(Changed(channel("200", state="Ringing", of="100"), LATER), 1)
    assert calls.number == number


def test_a_codec_changed_in_mid_call_without_an_event_is_shown_by_the_next_resync(calls: LiveCalls) -> None:
    calls.apply(Created(channel("100", state="Up", formats="(alaw)"), AT), 1)
    calls.merge([channel("100", state="Up", formats="(ulaw)")], [], asked=5, now=6)
    assert calls.rows()[0]["origin"]["codecs"] == ["ulaw"]


def held(calls: LiveCalls) -> list[str]:
    """Whose party waits."""
    row = calls.row("100")
    assert row
    return [leg["channel"] for leg in (row["origin"], *row["destinations"]) if leg.get("held")]


def test_who_waits_on_hold_is_the_other_one_until_he_is_taken_back(calls: LiveCalls) -> None:
    ring(calls, "200")
    answer(calls, "200")
    assert held(calls) == []
    calls.apply(Held(channel("200", state="Up", of="100"), True, LATER), 2)
    assert held(calls) == [channel("100").name]
    calls.apply(Held(channel("200", state="Up", of="100"), False, LATER), 3)
    assert held(calls) == []
    calls.apply(Held(channel("100", state="Up"), True, LATER), 4)
    assert held(calls) == [channel("200").name]


def test_among_three_and_where_both_hold_nobody_is_said_to_wait(calls: LiveCalls) -> None:
    ring(calls, "200", "201")
    answer(calls, "200")
    calls.apply(Held(channel("200", state="Up", of="100"), True, LATER), 2)
    calls.apply(Held(channel("100", state="Up"), True, LATER), 2)
    calls.apply(Ended("201", 26, LATER), 2)
    assert held(calls) == []
    calls.apply(Held(channel("100", state="Up"), False, LATER), 3)
    assert held(calls) == [channel("100").name]
    calls.apply(Changed(channel("202", state="Up", of="100"), LATER), 4)
    assert held(calls) == []
