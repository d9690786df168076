"""The hoster's rules: packets per second beside one plain rule, a plan with proof, and an apply from click to force.

python -m tests.bench.firewall_rules [--questions 5000] [--rounds 41]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from asterisk_ext.config import Guard as Settings
from asterisk_ext.domain.firewall import Firewall
from asterisk_ext.domain.firewall_rule import Rule, Verdict
from asterisk_ext.domain.firewall_trial import Candidate, Question
from asterisk_ext.domain.firewall_types import Protocol
from firewall.countries.keeper import CountryKeeper
from firewall.countries.lists import EMBEDDED, CountryLists
from firewall.guard_state import GuardState
from firewall.kernel.drivers import kernel_of
from firewall.kernel.filter import filter_of
from firewall.kernel.ruleset import Ruleset
from firewall.kernel.source_sets import SourceSet
from firewall.kernel.strangers import Strangers
from firewall.lists.address_lists import country_list
from firewall.lists.ranges import Range, merged
from firewall.proof.prover import Task, prove
from firewall.rules.guard_firewall import GuardFirewall
from firewall.rules.list_content import contents
from tests.bench.guard_kernel import sources
from tests.bench.networks import PHONE, PLAIN_RULE, Answer, Network, rate, rates_in_turn, share, with_rules
from tests.bench.table import show
from tests.own_network import Outside, in_own_network

DRIVERS = ("nftables", "iptables")
PLAIN, SIP = "one plain rule", "5060"
THREE = ("US", "BR", "DE")
FIVE = (*THREE, "AR", "GB")
CALLER = (0xC6130000, 0xC6140000)
"""198.19.0.0/16"""


def fifty(three: Sequence[str] = THREE) -> tuple[Rule, ...]:
    """Fifty rules; the one that lets the caller in is last, behind three countries."""
    offices = tuple(
        Rule(id=f"o{i}", type="any_tcp", origins=(f"203.0.113.{i}",), ports=str(2000 + i)) for i in range(36)
    )
    scans = tuple(Rule(id=f"d{i}", type="any", verdict=Verdict.DENY, origins=(f"192.0.2.{i}",)) for i in range(10))
    countries = tuple(Rule(id=f"c{code}", type="sip_udp", origins=(f"country:{code}",)) for code in three)
    return (*offices, *scans, *countries, Rule(id="last", type="sip_udp", origins=("198.19.0.0/16",)))


def two_hundred() -> tuple[Rule, ...]:
    countries = tuple(Rule(id=f"c{code}", type="sip", origins=(f"country:{code}",)) for code in FIVE)
    return (*countries, *(Rule(id=str(i), type="ssh", origins=(f"198.18.{i}.7",)) for i in range(195)))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--questions", type=int, default=5000)
    options.add_argument("--rounds", type=int, default=41)
    options.add_argument("--countries", nargs=3, default=THREE)
    options.add_argument("--prefixes", type=int, default=100_000)
    told = options.parse_args()
    _show_rates(told.rounds, told.countries, told.prefixes)
    figures: list[tuple[str, ...]] = [
        ("driver", f"plan, {told.questions:,} questions", "apply of 200 rules, 5 countries")
    ]
    with tempfile.TemporaryDirectory() as made:
        place = Path(made)
        for driver in DRIVERS:
            in_own_network(lambda driver=driver: _measure(driver, place, told.questions))  # type: ignore[misc]
            plan, apply = json.loads((place / driver).read_text())
            figures.append((driver, f"{plan:.2f} s", f"{apply:.2f} s"))
    show("Plan and apply", figures)


def _show_rates(rounds: int, three: Sequence[str], prefixes: int) -> None:
    networks = {PLAIN: Network(with_rules(PLAIN_RULE))}
    networks |= {
        f"{driver}, {who}, {how}": Network(_with_fifty(driver, three, prefixes, on_list=on_list, known=known))
        for driver in DRIVERS
        for known, who in ((True, "a known phone"), (False, "strangers not limited"))
        for on_list, how in ((False, "let in by a network"), (True, "let in by the third list"))
    }
    try:
        rates = rates_in_turn(networks, [SIP], rounds)
    finally:
        for network in networks.values():
            network.close()
    rows: list[tuple[str, ...]] = [("rules", "packets/s", "of one plain rule")]
    for (name, _), mine in rates.items():
        rows.append((name, f"{statistics.median(mine):,.0f}", f"{share(mine, rates[PLAIN, SIP]):.2f}"))
    show(f"Datagrams to SIP's port, 20,000 bans, 50 rules, three countries' lists ({prefixes:,} prefixes)", rows)


def padding(countries: CountryLists, three: Sequence[str], prefixes: int) -> list[Range]:
    """What three lists lack of so many prefixes, each by itself."""
    lacking = prefixes - sum(countries.count(code, version) for code in three for version in (4, 6))
    return [((10 << 24) + (number << 9), (10 << 24) + (number << 9) + 256) for number in range(lacking)]


def _with_fifty(
    driver: str, three: Sequence[str], prefixes: int, *, on_list: bool, known: bool
) -> Callable[[Outside], Answer]:
    """The caller is let in by the last rule, or by the last country's list: all the others are looked up before."""

    def prepare(outside: Outside) -> Answer:
        kernel, countries = kernel_of(driver), CountryLists.open()
        firewall = Firewall(rules=fifty(three)[:-1] if on_list else fifty(three))
        kernel.apply(Ruleset(confirmed=filter_of(firewall), strangers=Strangers() if known else None))
        listed, last = contents(firewall, countries), country_list(three[-1])
        more = [*padding(countries, three, prefixes), *([CALLER] if on_list else [])]
        listed = {**listed, last: {**listed[last], 4: merged([*listed[last][4], *more])}}
        kernel.lists.load(listed)
        kernel.restore({SourceSet.BAN: sources(20_000), SourceSet.KNOWN: {PHONE: 3600.0} if known else {}})
        kernel.watch(3600.0)
        return lambda port: rate(outside, int(port))

    return prepare


def _measure(driver: str, place: Path, questions: int) -> None:
    """Writes down the seconds of a plan and of an apply."""
    plan = asyncio.run(_plan(driver, Firewall(rules=fifty()), questions))
    (place / driver).write_text(json.dumps([plan, asyncio.run(_apply(driver, place))]))


async def _plan(driver: str, firewall: Firewall, questions: int) -> float:
    asked = [Question(f"198.19.{i >> 8}.{i & 255}", Protocol.UDP, 5060) for i in range(questions)]
    began = time.perf_counter()
    through = await prove(Task(driver, firewall, asked, str(EMBEDDED)))
    took = time.perf_counter() - began
    assert all(through)
    return took


async def _apply(driver: str, place: Path) -> float:
    kernel, state = kernel_of(driver), GuardState(place / f"{driver}.sqlite")
    keeper = CountryKeeper(place, place / "offered", kernel.lists)

    async def nobody(firewall: Firewall, questions: Sequence[Question]) -> list[bool]:
        return []

    guard = GuardFirewall(
        kernel,
        state,
        Settings(),
        Ruleset(),
        "8480",
        clock=time.time,
        publish=lambda kind, details: None,
        prove=nobody,
        countries=keeper,
    )
    guard.start()
    began = time.perf_counter()
    await guard.apply(Candidate(two_hundred()), "ana", [], False, 60, root=False)
    took = time.perf_counter() - began
    await guard.roll_back()
    guard.close()
    state.close()
    kernel.close()
    return took


if __name__ == "__main__":
    main()
