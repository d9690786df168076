from __future__ import annotations

import xml.etree.ElementTree as ElementTree

import pytest

from asterisk_ext.lab import sipp

RULE = "----------------------------------------------- 2026-11-23 06:19:14.098314\n"


def received(*lines: str) -> str:
    return RULE + "UDP message received [442] bytes :\n\n" + "\n".join(lines) + "\n\n"


def sent(*lines: str) -> str:
    return RULE + "UDP message sent (327 bytes):\n\n" + "\n".join(lines) + "\n\n"


def test_a_refused_call_is_told_with_every_status_and_its_reason() -> None:
    trace = (
        sent("INVITE sip:200@198.18.1.1 SIP/2.0", "CSeq: 1 INVITE")
        + received("SIP/2.0 401 Unauthorized", "CSeq: 1 INVITE")
        + received("SIP/2.0 183 Session Progress", "CSeq: 2 INVITE")
        + received("SIP/2.0 403 Forbidden", "CSeq: 2 INVITE", "Reason: Q.850;cause=21")
    )
    assert sipp.outcome(trace) == sipp.Outcome((401, 183, 403), "Q.850;cause=21", False)
    assert sipp.outcome(trace).final == 403


def test_an_answered_call_ends_with_its_answer_not_with_the_answer_to_bye() -> None:
    trace = received("SIP/2.0 200 OK", "CSeq: 2 INVITE") + received("SIP/2.0 200 OK", "CSeq: 3 BYE")
    assert sipp.outcome(trace).statuses == (200,)


def test_a_callee_that_hangs_up_is_noticed() -> None:
    assert sipp.outcome(received("BYE sip:x@198.18.10.1 SIP/2.0", "CSeq: 9 BYE")).hung_up_by_callee


def test_silence_is_no_status() -> None:
    assert sipp.outcome("").final == 0


def test_passwords_reach_sipp_by_its_file_and_never_by_its_command_line() -> None:
    answer = sipp.answer("1_200", "secret")
    assert sipp.fields([("1_200", answer)]) == "SEQUENTIAL\n1_200;[authentication username=1_200 password=secret]\n"
    assert "secret" not in " ".join(sipp.command("198.18.10.1", 5070, "198.18.1.1", "-inf", "fields.csv"))


@pytest.mark.parametrize(
    "name", ["attack", "call", "carrier", "register", "sample_call", "sample_trunk_call", "trunk_call"]
)
def test_every_scenario_is_well_formed(name: str) -> None:
    assert ElementTree.fromstring(sipp.scenario(name)).tag == "scenario"  # noqa: S314 - our own file
