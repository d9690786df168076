"""The guard's engine and socket with a kernel that only remembers."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from asterisk_ext.config import Config
from asterisk_ext.config import Guard as GuardSettings
from asterisk_ext.domain.ban import BanPolicy, Policy
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.security_event import SecurityEvent
from firewall.bans.engine import BanEngine, Counts
from firewall.bans.follower import LogFollower
from firewall.bans.spared import HeldBack
from firewall.countries.keeper import CountryKeeper
from firewall.countries.lists import EMBEDDED, CountryLists
from firewall.countries.pack import unpack_ranges
from firewall.guard import Answers, firewall_of
from firewall.guard_state import GuardState
from firewall.kernel.fake import FakeKernel
from firewall.log.tail import Position
from firewall.metrics import metrics_text
from firewall.node.firewall import NodeFirewall
from firewall.rules.answers import FirewallAnswers
from firewall.rules.gone import Gone
from firewall.socket.api import SocketApi, Stream
from firewall.socket.client import GuardClient

ATTACKER, OFFICE = "203.0.113.66", "198.51.100.20"
NOON = 1_795_000_000.0


class Guard:
    """An engine over a state file; ``again`` is a restart after a kill."""

    def __init__(self, directory: Path) -> None:
        self.now = NOON
        self.directory = directory
        self.kernel = FakeKernel(lambda: self.now)
        self.told: list[tuple[str, Any]] = []
        self.ended: list[tuple[str, ...]] = []
        """Whose connections were ended."""
        self._start()

    def again(self) -> None:
        self.state.close()
        self._start()

    def _start(self) -> None:
        self.state = GuardState(self.directory / "guard.sqlite")
        policy = BanPolicy(Policy(), b"secret", (), slots=1024)
        self.engine = BanEngine(
            policy, self.kernel, self.state, lambda: self.now, lambda kind, details: self.told.append((kind, details))
        )
        self.engine.restore()

    def end(self, addresses: Collection[str]) -> int:
        self.ended.append(tuple(addresses))
        return len(addresses)

    def fail(self, address: str, *numbers: int, transport: str = "UDP") -> None:
        for number in numbers:
            event = SecurityEvent(
                "ChallengeResponseFailed",
                self.now,
                "",
                "PJSIP",
                transport,
                address,
                5060,
                "1_200",
                f"{number}@x",
                "n",
                "r",
            )
            self.engine.take([(event, f"line {number}".encode())], Position(1, number, b""))

    def succeed(self, address: str, account: str = "1_200") -> None:
        event = SecurityEvent("SuccessfulAuth", self.now, "", "PJSIP", "UDP", address, 5060, account, "s@x")
        self.engine.take([(event, b"success")], None)


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    return Guard(tmp_path)


def test_four_failures_reach_the_kernel_with_the_lines_that_prove_them(guard: Guard) -> None:
    guard.fail(ATTACKER, 1, 2, 3, 4)
    assert guard.kernel.bans() == {ATTACKER: 24 * 3600}
    told = guard.engine.explain(ATTACKER)
    assert (told["banned"], told["until"]) == (True, NOON + 86_400)
    assert told["lines"] == ["line 4", "line 3", "line 2", "line 1"]
    assert [kind for kind, _ in guard.told] == ["banned"]


def test_a_restart_restores_bans_counts_and_protection(guard: Guard) -> None:
    guard.fail(ATTACKER, 1, 2, 3, 4)
    guard.fail("203.0.113.7", 1, 2, 3)
    guard.succeed(OFFICE)
    guard.kernel.flush()
    guard.now += 3600
    guard.again()
    assert guard.kernel.bans() == {ATTACKER: 23 * 3600}
    guard.fail("203.0.113.7", 9)
    guard.fail(OFFICE, *range(10))
    assert set(guard.kernel.bans()) == {ATTACKER, "203.0.113.7"}
    assert OFFICE in guard.kernel.slowed()


def test_after_a_restart_the_fleet_s_addresses_are_known_although_nobody_tells_them_again(guard: Guard) -> None:
    guard.engine.set_fleet([OFFICE])
    guard.again()
    guard.fail(OFFICE, 1, 2, 3, 4)
    assert guard.kernel.bans() == {}


def test_the_place_in_the_log_and_what_was_counted_are_written_together(guard: Guard) -> None:
    guard.fail(ATTACKER, 1, 2)
    guard.again()
    place = guard.state.place()
    assert place is not None
    assert place.offset == 2
    assert guard.engine.explain(ATTACKER)["failures_counted"] == 2


def test_after_a_lifted_ban_a_restart_does_not_count_what_was_forgiven(guard: Guard) -> None:
    guard.fail(ATTACKER, 1, 2, 3, 4)
    guard.now += 60
    guard.engine.lift(ATTACKER)
    assert guard.kernel.bans() == {}
    guard.again()
    guard.now += 60
    guard.fail(ATTACKER, 5, 6, 7)
    assert guard.kernel.bans() == {}
    guard.fail(ATTACKER, 8)
    assert set(guard.kernel.bans()) == {ATTACKER}


def test_allowing_a_network_lifts_its_bans_for_good(guard: Guard) -> None:
    guard.fail(ATTACKER, 1, 2, 3, 4)
    guard.engine.allow("203.0.113.0/24", "carrier")
    assert guard.kernel.bans() == {}
    guard.again()
    guard.fail(ATTACKER, 5, 6, 7, 8)
    assert guard.kernel.bans() == {}


@pytest.mark.parametrize(
    "act, error_id",
    [
        (lambda engine: engine.lift(ATTACKER), "ban.not_banned"),
        (lambda engine: engine.lift("nonsense"), "address.invalid"),
        (lambda engine: engine.ban("203.0.113.0/24", 60), "address.invalid"),
        (lambda engine: engine.ban(ATTACKER, 0), "ban.bad_duration"),
        (lambda engine: engine.ban(ATTACKER, float("nan")), "ban.bad_duration"),
        (lambda engine: engine.allow("everybody"), "address.not_a_network"),
        (lambda engine: engine.explain("1.2.3"), "address.invalid"),
    ],
)
def test_what_cannot_be_done_is_refused_and_changes_nothing(guard: Guard, act: Any, error_id: str) -> None:
    with pytest.raises(Refusal) as refused:
        act(guard.engine)
    assert refused.value.error_id == error_id
    assert guard.kernel.bans() == {}
    assert guard.told == []


def test_a_never_banned_address_is_not_banned_by_an_act_either(guard: Guard) -> None:
    guard.engine.allow(OFFICE)
    with pytest.raises(Refusal) as refused:
        guard.engine.ban(OFFICE, 60)
    assert refused.value.error_id == "ban.held_back"


@asynccontextmanager
async def served(guard: Guard, node_service_uid: int = -1) -> AsyncIterator[GuardClient]:
    log = guard.directory / "security"
    follower = LogFollower(log, guard.engine, None)
    stream, held = Stream(), HeldBack(guard.engine._clock)
    countries = CountryKeeper(guard.directory, guard.directory / "offered.bin", guard.kernel.lists)
    config = Config(guard=GuardSettings(administrators=("203.0.113.80",)))
    firewall = firewall_of(config, guard.kernel, guard.state, stream, countries)
    firewall.start()
    gone = Gone(guard.end)
    ending = asyncio.create_task(gone.run())
    answers = Answers(guard.engine, follower, held, countries, config, FirewallAnswers(firewall, guard.engine, gone))
    api = SocketApi(guard.directory / "guard.sock", node_service_uid, answers.answer, stream)

    def publish(kind: str, details: Mapping[str, object]) -> None:
        held.note(kind, details)
        stream.publish(kind, details)

    guard.engine._publish = publish
    await api.open()
    try:
        yield GuardClient(guard.directory / "guard.sock")
    finally:
        ending.cancel()
        await api.close()
        firewall.close()


async def test_a_server_that_the_node_service_tells_of_no_more_loses_its_connections(guard: Guard) -> None:
    async with served(guard) as client:
        firewall = NodeFirewall(client)
        await firewall.set_needs(["198.18.1.2", "198.18.1.3"], [])
        await firewall.set_needs(["198.18.1.2"], [])
        async with asyncio.timeout(20):
            while not guard.ended:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    assert guard.ended[0] == ("198.18.1.3",)


async def test_the_socket_bans_lists_explains_and_lifts(guard: Guard) -> None:
    async with served(guard) as client:
        row = await client.ban(ATTACKER, 3600, "by hand {braces}")
        assert (row.source, row.origin, row.until) == (ATTACKER, "operator", NOON + 3600)
        assert await client.bans() == [row]
        assert (await client.explain(ATTACKER))["reason"] == "by hand {braces}"
        assert (await client.status())["bans"] == 1
        await client.lift(ATTACKER)
        with pytest.raises(Refusal) as refused:
            await client.lift(ATTACKER)
        assert refused.value.error_id == "ban.not_banned"


async def test_whoever_listens_is_told_what_happens(guard: Guard) -> None:
    async with served(guard) as client:
        events = client.events()
        first: asyncio.Task[dict[str, Any]] = asyncio.create_task(events.__anext__())
        # Requests are answered in the order in which their connections came: the listener's was first.
        await client.status()
        await client.ban(ATTACKER, 3600)
        assert (await first)["event"] == "banned"
        await client.lift(ATTACKER)
        assert await anext(events) == {"event": "lifted", "source": ATTACKER}
        await events.aclose()


async def test_an_emergency_call_holds_a_ban_back_until_its_report_runs_out(guard: Guard) -> None:
    async with served(guard) as client:
        await client.emergency([ATTACKER], seconds=30)
        guard.fail(ATTACKER, 1, 2, 3, 4, 5)
        assert guard.kernel.bans() == {}
        guard.now += 31
        guard.fail(ATTACKER, 6)
        assert set(guard.kernel.bans()) == {ATTACKER}


async def test_the_fleets_addresses_are_never_banned_but_half_the_internet_is_no_fleet(guard: Guard) -> None:
    async with served(guard) as client:
        await client.fleet([ATTACKER])
        guard.fail(ATTACKER, 1, 2, 3, 4)
        assert guard.kernel.bans() == {}
        with pytest.raises(Refusal) as refused:
            await client.fleet(["0.0.0.0/0"])
        assert refused.value.error_id == "guard.network_too_wide"


@pytest.mark.parametrize(
    "request_line",
    [b"nonsense\n", b'{"verb":"dance"}\n', b'{"verb":"ban"}\n', b'{"verb":"lift","address":7}\n', b"\xff\n"],
)
async def test_a_request_that_is_none_is_refused(guard: Guard, request_line: bytes) -> None:
    async with served(guard):
        assert (await ask(guard, request_line))["error_id"] == "guard.bad_request"


@pytest.mark.parametrize(
    "verb, allowed",
    [
        (b'{"verb":"list"}', True),
        (b'{"verb":"lift","address":"203.0.113.66"}', True),
        (b'{"verb":"allow","network":"0.0.0.0/0"}', False),
    ],
)
async def test_the_node_service_may_not_weaken_the_never_ban_list(
    guard: Guard, verb: bytes, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firewall.socket.api.peer_uid", lambda peer: 1234)
    async with served(guard, node_service_uid=1234):
        await answered_differently(guard, verb, allowed)


async def answered_differently(guard: Guard, verb: bytes, allowed: bool) -> None:
    reply = await ask(guard, verb + b"\n")
    assert (reply.get("error_id") == "guard.not_allowed") is not allowed


async def test_a_caller_without_rights_is_refused_whatever_he_asks(
    guard: Guard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("firewall.socket.api.peer_uid", lambda peer: 4321)
    async with served(guard, node_service_uid=1234):
        for line in (b'{"verb":"list"}\n', b"nonsense\n"):
            assert (await ask(guard, line))["error_id"] == "guard.not_allowed"


async def test_without_a_guard_the_client_says_so(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refused:
        await GuardClient(tmp_path / "absent.sock").bans()
    assert refused.value.error_id == "guard.unreachable"


def test_a_log_in_a_directory_that_is_not_there_is_refused(guard: Guard) -> None:
    with pytest.raises(Refusal) as refused:
        LogFollower(guard.directory / "absent" / "security", guard.engine, None)
    assert refused.value.error_id == "log.unreadable"


async def ask(guard: Guard, line: bytes) -> dict[str, Any]:
    reader, writer = await asyncio.open_unix_connection(os.fspath(guard.directory / "guard.sock"))
    writer.write(line)
    reply: dict[str, Any] = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return reply


async def test_metrics_count_by_service_and_origin_and_tell_no_address(guard: Guard) -> None:
    guard.fail(ATTACKER, 1, 2, 3, 4)
    (guard.directory / "security").write_bytes(b"not read yet\n")
    async with served(guard) as client:
        await client.ban("203.0.113.9", 60)
        rows = (await client.metrics()).splitlines()
    for row in (
        "asterisk_ext_guard_bans 2",
        'asterisk_ext_guard_bans_total{origin="log"} 1',
        'asterisk_ext_guard_bans_total{origin="operator"} 1',
        'asterisk_ext_guard_failures_total{service="PJSIP",transport="UDP"} 4',
        "asterisk_ext_guard_held_back_total 0",
        "asterisk_ext_guard_repairs_total 0",
        "asterisk_ext_guard_suspended 0",
        "asterisk_ext_guard_log_behind_bytes 13",
    ):
        assert row in rows
    assert not any(ATTACKER in row or "1_200" in row for row in rows)


def test_metrics_are_what_prometheus_reads() -> None:
    text = metrics_text(
        counts=Counts(lines=9, held=2, repaired=3),
        bans_in_force=5,
        bans_by_origin={"log": 7},
        failures_by_service={("PJSIP", "UDP"): 8},
        suspended=True,
        log_offset=100,
        log_behind=20,
    )
    assert text.endswith("\n")
    sample = re.compile(r'asterisk_ext_guard_[a-z_]+(\{[a-z]+="\w*"(,[a-z]+="\w*")*\})? \d+')
    told = [row for row in text.splitlines() if not row.startswith("# ")]
    assert [row for row in told if not sample.fullmatch(row)] == []
    named = {re.split("[{ ]", row)[0] for row in told}
    assert named == set(re.findall(r"^# TYPE (\S+) (?:gauge|counter)$", text, re.M))
    assert "asterisk_ext_guard_suspended 1" in told
    assert 'asterisk_ext_guard_bans_total{origin="fleet"} 0' in told


async def test_the_socket_tells_of_country_lists_and_gives_one_out_packed(guard: Guard) -> None:
    async with served(guard) as client:
        told = await client.countries()
        lists = CountryLists.open()
        assert (told.since, len(told.countries), told.in_use) == (lists.since, len(lists.codes()), [])
        brazil = await client.country("BR")
        assert list(unpack_ranges(brazil.packed6, 128)) == lists.ranges("BR", 6)
        assert brazil.country.prefixes4 == lists.count("BR", 4)
        with pytest.raises(Refusal) as refused:
            await client.country("XX")
        assert (refused.value.error_id, refused.value.field) == ("country.unknown", "country")


async def test_country_lists_on_offer_are_taken_over_the_socket(guard: Guard) -> None:
    async with served(guard) as client:
        with pytest.raises(Refusal) as refused:
            await client.take_countries()
        assert refused.value.error_id == "country.nothing_offered"
        (guard.directory / "offered.bin").write_bytes(EMBEDDED.read_bytes())
        assert (await client.take_countries()).since == CountryLists.open().since
        assert (guard.directory / "countries.bin").exists()
