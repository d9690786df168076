"""The sample's traffic: phones that register and answer, a carrier that answers, and calls that are kept up."""

from __future__ import annotations

from collections.abc import Sequence

from asterisk_ext.lab import g711, phones, private_files, sipp
from asterisk_ext.lab.machines import SCRATCH
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.precedence import before_others
from asterisk_ext.lab.sample import TENANTS, Account
from asterisk_ext.lab.supervisor import Running, Supervisor
from asterisk_ext.lab.topology import SIP_PORT, Host, Kind

CARRIER_HERTZ, CALLER_HERTZ = 1004, 620
OUTSIDE_CALLER = "11987654321"
FIRST_CALLS_PORT = 5070
START_RATE = 2
"""New sample calls a second until all are up."""


async def start_phones(plan: Plan, supervisor: Supervisor, accounts: Sequence[Account]) -> Running:
    host = plan.topology.of(Kind.PHONES)[0]
    place = plan.scratch / host.name / "baresip"
    private_files.write(place, phones.files(host, accounts, plan.topology, plan.dns), phones.NOBODY, phones.NOBODY)
    log = plan.scratch / host.name / "baresip.log"
    # A true phone shares its processor with no server.
    command = (*before_others(), *phones.command(SCRATCH / place.name))
    return await supervisor.start(host.name, "phones", command, log)


async def start_carrier(plan: Plan, supervisor: Supervisor) -> Running:
    host = plan.topology.of(Kind.CARRIER)[0]
    command = sipp.command(host.ipv4, SIP_PORT, "", "-aa")
    return await _start(plan, supervisor, host, "carrier", command, sipp.scenario("carrier"), [], CARRIER_HERTZ)


async def keep_calls(plan: Plan, supervisor: Supervisor) -> list[Running]:
    """Keep ``plan.calls`` calls up, on every node its tenants' share, half of them from outside."""
    started = []
    sources = sample_calls(plan)
    for number, ((kind, node, rows), share) in enumerate(zip(sources, shares(plan.calls, len(sources)), strict=True)):
        if share == 0:
            continue
        host = plan.topology.of(kind)[0]
        scenario = "sample_call" if kind is Kind.PHONES else "sample_trunk_call"
        pace = ("-l", str(share), "-r", str(START_RATE), "-inf", "fields.csv", "-aa")
        command = sipp.command(host.ipv4, FIRST_CALLS_PORT + number, plan.topology.host(node).ipv4, *pace)
        name = f"calls to {node}"
        text = sipp.scenario(scenario)
        started.append(await _start(plan, supervisor, host, name, command, text, rows, CALLER_HERTZ))
    return started


def shares(calls: int, sources: int) -> list[int]:
    """``calls`` dealt out as evenly as it goes."""
    return [calls // sources + (number < calls % sources) for number in range(sources)]


def sample_calls(plan: Plan) -> list[tuple[Kind, str, list[tuple[str, ...]]]]:
    """Where calls come from, the node they go to, and SIPp's fields for them; only active tenants call."""
    addresses = {node.name: node.ipv4 for node in plan.topology.nodes}
    inside: dict[str, list[tuple[str, ...]]] = {}
    outside: dict[str, list[tuple[str, ...]]] = {}
    for tenant in TENANTS:
        if tenant.status != "active":
            continue
        own = [account for account in plan.phones if account.pbx == tenant.id]
        for caller, callee in zip(own, own[1:] + own[:1], strict=True):
            answer = sipp.answer(caller.name, caller.password)
            for number in (callee.extension, "04832210000"):
                inside.setdefault(caller.node, []).append((caller.name, answer, number, addresses[caller.node]))
        for did in tenant.dids:
            node = own[0].node
            outside.setdefault(node, []).append((OUTSIDE_CALLER, "", did, addresses[node]))
    return [
        *((Kind.PHONES, node, rows) for node, rows in inside.items()),
        *((Kind.CARRIER, node, rows) for node, rows in outside.items()),
    ]


async def _start(
    plan: Plan,
    supervisor: Supervisor,
    host: Host,
    name: str,
    command: Sequence[str],
    scenario: str,
    rows: list[tuple[str, ...]],
    hertz: float,
) -> Running:
    place = plan.scratch / host.name / name.replace(" ", "-")
    texts = {"scenario.xml": scenario, "fields.csv": sipp.fields(rows)}
    private_files.write(place, texts, phones.NOBODY, phones.NOBODY)
    (place / "tone.alaw").write_bytes(g711.tone(hertz, 10))
    (place / "tone.alaw").chmod(0o644)
    log = place.with_suffix(".log")
    return await supervisor.start(host.name, name, phones.as_nobody(command), log, directory=SCRATCH / place.name)
