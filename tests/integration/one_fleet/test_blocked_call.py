"""A blocked virtual PBX on the real fleet: who hears what, and what passes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.announcements import heard_to_the_end
from tests.integration.fleet import Lab

pytestmark = pytest.mark.lab

OUTSIDE = "04833330000"


def test_a_partly_blocked_tenants_caller_hears_why_as_early_media_and_is_hung_up(lab: Lab) -> None:
    heard = lab.call("2_200", OUTSIDE)
    assert heard_to_the_end(heard.samples()) == ["pt_BR/partial_block"]
    assert 183 in heard.statuses
    assert 200 not in heard.statuses, "an answered call would be billed"
    assert heard.final == 403
    assert "cause=21" in heard.reason


def test_the_same_tenant_reaches_emergency_in_every_form_of_dialling(lab: Lab) -> None:
    assert [lab.call("2_200", number, seconds=1).final for number in ("190", "0190", "55190")] == [200, 200, 200]


def test_the_same_tenant_is_called_from_outside_and_between_its_phones(lab: Lab) -> None:
    assert lab.call("carrier", "4833741428", seconds=1).final == 200
    assert lab.call("2_200", "201", seconds=1).final == 200


def test_an_active_tenant_hears_no_announcement(lab: Lab) -> None:
    heard = lab.call("1_200", OUTSIDE, seconds=1)
    assert heard.final == 200
    assert heard_to_the_end(heard.samples()) == []


@pytest.fixture
def hotel_blocked(lab: Lab) -> Iterator[None]:
    lab.ext("node1", "pbx", "block", "9", "--level", "total", "--reason", "falta de pagamento")
    yield
    lab.ext("node1", "pbx", "unblock", "9")


@pytest.mark.usefixtures("hotel_blocked")
def test_a_hosters_own_dialplan_obeys_the_gate_alone(lab: Lab) -> None:
    heard = lab.call("9_700", OUTSIDE)
    assert heard_to_the_end(heard.samples()) == ["pt_BR/total_block"]
    assert heard.final == 403


def test_a_hosters_own_dialplan_passes_when_the_block_is_lifted(lab: Lab) -> None:
    assert lab.call("9_700", OUTSIDE, seconds=1).final == 200


def test_a_status_set_on_one_node_is_obeyed_by_the_next_call_on_another(lab: Lab) -> None:
    lab.ext("node1", "pbx", "block", "3", "--level", "partial")
    try:
        assert heard_to_the_end(lab.call("3_200", OUTSIDE).samples()) == ["pt_BR/partial_block"]
    finally:
        lab.ext("node1", "pbx", "unblock", "3")
    assert lab.call("3_200", OUTSIDE, seconds=1).final == 200
