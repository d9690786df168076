"""The small parts: masking, the limit of tries, the sessions' number."""

from __future__ import annotations

import pytest

from admin_http.privacy import call_for, masked
from admin_http.rate_limit import MOST_ADDRESSES, RateLimit
from admin_http.sessions import MOST, Sessions
from asterisk_ext.domain.access import Actor, Role
from asterisk_ext.domain.errors import Refusal
from tests.unit.admin_http.world import call, leg

VIEWER = Actor("viewer", Role.VIEWER)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("4835063033", "••••••••33"),
        ("+554835063033", "•••••••••••33"),
        ("200", "200"),
        ("192", "192"),
        ("", ""),
        ("a4835063033b", "a••••••••33b"),
    ],
)
def test_a_number_is_masked_but_for_its_last_two_digits_and_an_extension_is_not(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_masking_leaves_nothing_of_a_number_in_any_field() -> None:
    number = "4835063033"
    seen = call_for(
        VIEWER,
        call("1.1", "1", 0, number, number, "Up", leg(f"PJSIP/{number}-0000000a", "Up", number, "Anna"), name="Anna"),
    )
    assert number not in str(seen) and "Anna" not in str(seen)
    assert seen["destinations"][0]["channel"] == "PJSIP/••••••••33-0000000a"


def test_support_and_a_tenants_own_token_see_numbers() -> None:
    row = call("1.1", "1", 0, "4835063033", "200")
    assert call_for(Actor("support", Role.SUPPORT), row) == row
    assert call_for(Actor("token", Role.VIEWER, 1), row) == row


def test_tries_come_back_with_time_and_with_success() -> None:
    limit = RateLimit(burst=2, period=10)
    limit.spend("a", 0)
    limit.spend("a", 0)
    with pytest.raises(Refusal):
        limit.spend("a", 9)
    limit.spend("b", 9)
    limit.spend("a", 10)
    limit.reset("a")
    limit.spend("a", 10)
    limit.spend("a", 10)


def test_a_million_addresses_cost_no_more_memory_than_ten_thousand() -> None:
    limit = RateLimit(burst=2, period=10)
    for number in range(MOST_ADDRESSES + 500):
        limit.spend(str(number), 0)
    assert len(limit._full_at) == MOST_ADDRESSES


def test_sessions_are_bounded_and_the_least_used_goes_first() -> None:
    sessions = Sessions()
    first = sessions.start("a", 0.0)
    for number in range(MOST):
        sessions.start("b", 1.0 + number / MOST)
    assert sessions.find(first, 3.0) is None
