"""When a source is shut out, and when not."""

from __future__ import annotations

import pytest

from asterisk_ext.domain.ban import BanPolicy, Decision, Limit, Policy, Verdict
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.security_event import SecurityEvent

HOUR = 3600.0
NOON = 1_795_000_000.0
ATTACKER, OFFICE = "203.0.113.66", "198.51.100.20"


def event(
    address: str, account: str = "1_200", transport: str = "UDP", service: str = "PJSIP", name: str = "InvalidAccountID"
) -> SecurityEvent:
    return SecurityEvent(name, NOON, "", service, transport, address, 5060, account, "1@x")


def policy_with(**settings: object) -> BanPolicy:
    never_ban = settings.pop("never_ban", ())
    return BanPolicy(Policy(**settings), b"secret", never_ban, slots=1024)  # type: ignore[arg-type]


def fail(policy: BanPolicy, *events: SecurityEvent, at: float = NOON) -> list[Verdict | None]:
    return [policy.fail(one, at) for one in events]


def decisions(verdicts: list[Verdict | None]) -> list[Decision | None]:
    return [verdict.decision if verdict else None for verdict in verdicts]


def test_the_fourth_failure_within_six_hours_bans_for_a_day() -> None:
    policy = policy_with()
    verdicts = [policy.fail(event(ATTACKER), NOON + hour * HOUR) for hour in (0, 2, 4, 5.9)]
    assert decisions(verdicts) == [None, None, None, Decision.BAN]
    assert verdicts[3] is not None
    assert (verdicts[3].source, verdicts[3].failures) == (ATTACKER, 4)
    assert verdicts[3].until == NOON + 29.9 * HOUR


def test_failures_older_than_the_window_do_not_count() -> None:
    policy = policy_with()
    verdicts = [policy.fail(event(ATTACKER), NOON + hour * HOUR) for hour in (0, 2, 4, 6.1)]
    assert decisions(verdicts) == [None] * 4


def test_a_service_may_have_a_limit_and_a_count_of_its_own() -> None:
    policy = policy_with(services={"AMI": Limit(failures=2, ban=7 * 24 * HOUR)})
    fail(policy, *[event(ATTACKER)] * 3)
    verdicts = fail(policy, event(ATTACKER, service="AMI"), event(ATTACKER, service="AMI"))
    assert decisions(verdicts) == [None, Decision.BAN]


def test_after_a_ban_the_count_begins_anew() -> None:
    policy = policy_with()
    verdicts = fail(policy, *[event(ATTACKER)] * 8)
    assert decisions(verdicts) == [None, None, None, Decision.BAN] * 2


def test_addresses_of_one_ipv6_64_are_one_source() -> None:
    policy = policy_with()
    verdicts = fail(policy, *(event(f"2001:db8:1:2::{host}") for host in range(4)), event("2001:db8:1:3::1"))
    assert decisions(verdicts) == [None, None, None, Decision.BAN, None]
    assert verdicts[3] is not None
    assert verdicts[3].source == "2001:db8:1:2::/64"


def test_an_ipv4_address_mapped_into_ipv6_is_the_ipv4_address() -> None:
    policy = policy_with()
    verdicts = fail(policy, *[event(ATTACKER)] * 3, event(f"::ffff:{ATTACKER}"))
    assert decisions(verdicts)[3] is Decision.BAN


@pytest.mark.parametrize("listed", ["203.0.113.0/24", ATTACKER])
def test_whoever_is_on_the_never_ban_list_is_never_banned(listed: str) -> None:
    policy = policy_with(never_ban=(listed,))
    verdicts = fail(policy, *[event(ATTACKER)] * 10)
    assert Decision.BAN not in decisions(verdicts)
    assert verdicts[-1] is not None
    assert verdicts[-1].reason == "never_ban"


def test_fleet_trunks_and_administrators_are_never_banned() -> None:
    policy = policy_with()
    policy.set_derived([ATTACKER])
    assert Decision.BAN not in decisions(fail(policy, *[event(ATTACKER, transport="TLS")] * 10))


def test_an_ipv6_64_that_holds_a_never_banned_host_is_not_banned() -> None:
    policy = policy_with(never_ban=("2001:db8:1:2::7",))
    assert Decision.BAN not in decisions(fail(policy, *[event("2001:db8:1:2::9")] * 10))


def test_no_ban_falls_while_an_emergency_call_is_up_and_it_falls_after() -> None:
    policy = policy_with()
    policy.set_emergency({ATTACKER: NOON + 30})
    held = fail(policy, *[event(ATTACKER)] * 5)
    assert Decision.BAN not in decisions(held)
    assert held[-1] is not None
    assert held[-1].reason == "emergency_call"
    assert decisions(fail(policy, event(ATTACKER), at=NOON + 31)) == [Decision.BAN]


def test_forgeable_failures_never_ban_who_has_authenticated_within_a_day() -> None:
    policy = policy_with()
    policy.succeed(event(OFFICE), NOON - 23 * HOUR)
    verdicts = fail(policy, *(event(OFFICE, account=str(number)) for number in range(1000)))
    assert set(decisions(verdicts)) == {None, Decision.SLOW}
    assert verdicts[3] is not None
    assert verdicts[3].reason == "protected"


def test_a_trunk_that_authenticates_is_not_even_slowed_by_forged_failures() -> None:
    policy = policy_with(never_ban=(OFFICE,))
    policy.succeed(event(OFFICE), NOON - HOUR)
    assert set(decisions(fail(policy, *[event(OFFICE)] * 10))) == {None, Decision.HELD}


def test_protection_ends_a_day_after_the_last_success() -> None:
    policy = policy_with()
    policy.succeed(event(OFFICE), NOON - 25 * HOUR)
    assert decisions(fail(policy, *[event(OFFICE)] * 4))[3] is Decision.BAN


def test_an_office_where_one_phone_has_an_old_password_is_named_not_cut() -> None:
    policy = policy_with()
    policy.succeed(event(OFFICE, account="1_200"), NOON)
    policy.succeed(event(OFFICE, account="1_201"), NOON)
    verdicts = fail(policy, *[event(OFFICE, account="1_201", transport="TCP")] * 100)
    assert set(decisions(verdicts)) == {Decision.HELD}
    assert verdicts[0] is not None
    assert (verdicts[0].reason, verdicts[0].accounts) == ("own_account", ("1_201",))


@pytest.mark.parametrize("transport", ["TCP", "TLS", "WS", "WSS"])
def test_proven_failures_of_four_strange_accounts_ban_even_a_protected_source(transport: str) -> None:
    policy = policy_with()
    policy.succeed(event(OFFICE), NOON)
    strangers = [event(OFFICE, account=f"9{number}", transport=transport) for number in (1, 1, 1, 2, 3, 4)]
    assert decisions(fail(policy, *strangers)) == [None] * 5 + [Decision.BAN]


def test_without_protection_the_plain_rule_holds_for_everybody() -> None:
    policy = policy_with(protect_registered=False)
    policy.succeed(event(OFFICE), NOON)
    assert decisions(fail(policy, *[event(OFFICE)] * 4))[3] is Decision.BAN


@pytest.mark.parametrize("transport", ["UDP", "TLS"])
def test_when_the_realtime_database_is_emptied_no_registered_phone_is_banned_but_a_real_attacker_is(
    transport: str,
) -> None:
    policy = policy_with()
    offices = [
        (f"198.51.{number // 10}.{number % 10}", f"{number}_20{phone}") for number in range(100) for phone in range(5)
    ]
    for address, account in offices:
        policy.succeed(event(address, account=account), NOON - HOUR)
    verdicts = []
    for second in range(0, 120, 10):
        for address, account in offices:
            verdicts += fail(policy, event(address, account=account, transport=transport), at=NOON + second)
        verdicts += fail(policy, event(ATTACKER), at=NOON + second)
    banned = {verdict.source for verdict in verdicts if verdict is not None and verdict.decision is Decision.BAN}
    assert banned == {ATTACKER}
    assert policy.is_suspended(NOON + 111)


def test_bans_of_protected_sources_are_suspended_while_many_fail_at_once() -> None:
    policy = policy_with()
    for number in range(12):
        policy.succeed(event(f"198.51.100.{number}"), NOON)
        policy.fail(event(f"198.51.100.{number}", transport="TCP"), NOON)
    strangers = [event("198.51.100.1", account=f"9{number}", transport="TCP") for number in range(6)]
    held = fail(policy, *strangers)
    assert Decision.BAN not in decisions(held)
    assert held[-1] is not None
    assert held[-1].reason == "suspended"
    assert Decision.BAN in decisions(fail(policy, *strangers, at=NOON + 3600))


def test_while_they_are_suspended_a_phone_at_a_new_address_is_out_no_longer_than_that_and_a_scanner_is() -> None:
    policy = policy_with()
    for number in range(12):
        policy.succeed(event(f"198.51.100.{number}", account=f"1_2{number:02}"), NOON - HOUR)
        policy.fail(event(f"198.51.100.{number}"), NOON)
    moved = fail(policy, *[event("192.0.2.77", account="1_205")] * 4, at=NOON + 10)[-1]
    scanner = fail(policy, *[event(ATTACKER, account="1_999")] * 4, at=NOON + 10)[-1]
    assert moved is not None
    assert scanner is not None
    assert (moved.decision, moved.until) == (Decision.BAN, policy.suspended_until)
    assert (scanner.decision, scanner.until) == (Decision.BAN, NOON + 10 + 24 * HOUR)
    later = fail(policy, *[event("192.0.2.77", account="1_205")] * 4, at=NOON + HOUR)[-1]
    assert later is not None
    assert later.until == NOON + 25 * HOUR


@pytest.mark.parametrize("failures, window, ban", [(0, 60, 60), (-1, 60, 60), (4, 0, 60), (4, 60, 0), (101, 60, 60)])
def test_a_policy_that_makes_no_sense_is_refused(failures: int, window: float, ban: float) -> None:
    with pytest.raises(Refusal) as refused:
        Limit(failures, window, ban)
    assert refused.value.error_id == "ban.policy_invalid"


def test_a_flood_of_other_sources_does_not_push_out_an_attackers_three_failures() -> None:
    policy = policy_with()
    fail(policy, *[event(ATTACKER)] * 3)
    for number in range(20_000):
        policy.fail(event(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}"), NOON + 1)
    assert decisions(fail(policy, event(ATTACKER), at=NOON + 2)) == [Decision.BAN]


def test_an_attempt_judged_before_a_restart_still_counts() -> None:
    policy = policy_with()
    for second in range(3):
        policy.recount(ATTACKER, "PJSIP", "1_200", NOON + second, proven=False)
    assert decisions(fail(policy, event(ATTACKER), at=NOON + 10)) == [Decision.BAN]
