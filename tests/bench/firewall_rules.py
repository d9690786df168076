"""The hoster's rules: packets per second beside one plain rule, a plan with proof, and an apply from click to force.

python -m tests.bench.firewall_rules [--questions 5000] [--packets 10000]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
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
from firewall.lists.address_lists import country_list
from firewall.lists.ranges import merged
from firewall.proof.prover import Task, prove
from firewall.rules.guard_firewall import GuardFirewall
from firewall.rules.list_content import contents
from tests.bench.guard_kernel import PLAIN_RULE, sources
from tests.bench.table import show
from tests.own_network import Outside, in_own_network

DRIVERS = ("nftables", "iptables")
THREE = ("US", "BR", "DE")
FIVE = (*THREE, "AR", "GB")
CALLER = (0xC6130000, 0xC6140000)
"""198.19.0.0/16"""


def fifty() -> tuple[Rule, ...]:
    """Fifty rules; the one that lets the caller in is last, behind three countries."""
    offices = tuple(
        Rule(id=f"o{i}", type="any_tcp", origins=(f"203.0.113.{i}",), ports=str(2000 + i)) for i in range(36)
    )
    scans = tuple(Rule(id=f"d{i}", type="any", verdict=Verdict.DENY, origins=(f"192.0.2.{i}",)) for i in range(10))
    countries = tuple(Rule(id=f"c{code}", type="sip_udp", origins=(f"country:{code}",)) for code in THREE)
    return (*offices, *scans, *countries, Rule(id="last", type="sip_udp", origins=("198.19.0.0/16",)))


def two_hundred() -> tuple[Rule, ...]:
    countries = tuple(Rule(id=f"c{code}", type="sip", origins=(f"country:{code}",)) for code in FIVE)
    return (*countries, *(Rule(id=str(i), type="ssh", origins=(f"198.18.{i}.7",)) for i in range(195)))


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--questions", type=int, default=5000)
    options.add_argument("--packets", type=int, default=10_000)
    told = options.parse_args()
    questions, packets = told.questions, told.packets
    results = Path(tempfile.mkdtemp()) / "results"
    rates: list[tuple[str, ...]] = [("rules", "packets/s", "of one plain rule")]
    figures: list[tuple[str, ...]] = [("driver", f"plan, {questions:,} questions", "apply of 200 rules, 5 countries")]
    plain = 0.0
    found_by: dict[str, dict[str, float]] = {}
    for driver in DRIVERS:
        # Beside each driver again: what else the machine does makes more difference than a rule.
        in_own_network(lambda: _write(results, {"rate": _plain(packets)}))
        plain = max(plain, json.loads(results.read_text())["rate"])
        in_own_network(lambda driver=driver: _write(results, _measure(driver, results.parent, questions, packets)))  # type: ignore[misc]
        found_by[driver] = json.loads(results.read_text())
    rates.append(("one plain rule", f"{plain:,.0f}", "1"))
    for driver, found in found_by.items():
        name = f"{driver}, 20,000 bans, 3 countries ({found['prefixes']:,} prefixes), 50 rules"
        rates.append((name, f"{found['rate']:,.0f}", f"{found['rate'] / plain:.2f}"))
        rates.append(
            (f"{driver}, caller on the third list", f"{found['on_list']:,.0f}", f"{found['on_list'] / plain:.2f}")
        )
        figures.append((driver, f"{found['plan']:.2f} s", f"{found['apply']:.2f} s"))
    show("Datagrams to SIP's port through a cable between two networks, the last of the rules lets them in", rates)
    show("Plan and apply", figures)


def _measure(driver: str, place: Path, questions: int, packets: int) -> dict[str, float]:
    outside, kernel, countries = Outside(), kernel_of(driver), CountryLists.open()
    try:
        firewall = Firewall(rules=fifty())
        kernel.apply(Ruleset(confirmed=filter_of(firewall)))
        listed = contents(firewall, countries)
        kernel.lists.load(listed)
        kernel.restore({SourceSet.BAN: sources(20_000)})
        rate = _rate(outside, packets)
        # The caller on the last country's list instead: all the others are looked up before.
        last = country_list(THREE[-1])
        kernel.lists.load({**listed, last: {**listed[last], 4: merged([*listed[last][4], CALLER])}})
        kernel.apply(Ruleset(confirmed=filter_of(Firewall(rules=fifty()[:-1]))))
        on_list = _rate(outside, packets)
        plan = asyncio.run(_plan(driver, firewall, questions))
        apply = asyncio.run(_apply(driver, place))
        prefixes = sum(countries.count(code, version) for code in THREE for version in (4, 6))
        return {"rate": rate, "on_list": on_list, "plan": plan, "apply": apply, "prefixes": prefixes}
    finally:
        kernel.close()
        outside.close()


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


def _write(path: Path, found: dict[str, float]) -> None:
    path.write_text(json.dumps(found))


def _plain(packets: int) -> float:
    outside = Outside()
    subprocess.run(["nft", "-f", "-"], input=PLAIN_RULE, text=True, check=True)
    try:
        return _rate(outside, packets)
    finally:
        outside.close()


def _rate(outside: Outside, packets: int) -> float:
    """Datagrams a second of processor time: on a cable sending includes the receiver's rules. The best of many short
    rounds, since others disturb."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, outside.socket("198.19.0.20") as sender:
        phone.bind((Outside.NODE4, 5060))
        sender.connect((Outside.NODE4, 5060))
        best = 0.0
        for _ in range(32):
            began = time.process_time()
            for _ in range(packets):
                sender.send(b"x" * 200)
            best = max(best, packets / (time.process_time() - began))
        return best


if __name__ == "__main__":
    main()
