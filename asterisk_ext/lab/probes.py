"""Acts on a running lab from outside: place a call, register a phone, attack."""

from __future__ import annotations

import os
import subprocess
import sys
import wave
from pathlib import Path

import msgspec

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import call_probe, g711, register_probe
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab.enter import command_line
from asterisk_ext.lab.machines import SCRATCH
from asterisk_ext.lab.node_tree import SOURCE
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.precedence import NICE
from asterisk_ext.lab.sample import Account
from asterisk_ext.lab.status import place_of
from asterisk_ext.lab.topology import Host, Kind

NO_ACCOUNT = Problem(
    "lab.no_account",
    404,
    "The sample has no account {account!r}.",
    "`asterisk-ext lab status` lists them; `carrier` calls from outside.",
)
NO_NODE = Problem("lab.no_node", 404, "The lab has no node {node!r}.", "`asterisk-ext lab status` lists them.")
NO_ATTACKER = Problem("lab.no_attacker", 404, "The lab has no attacker {attacker!r}.", "It has {attackers}.")
PROBE_FAILED = Problem(
    "lab.probe_failed", 500, "The probe on {machine} failed:\n{lines}", "Look at `asterisk-ext lab status`."
)
CARRIER = "carrier"
CARRIER_CALLER = "11987654321"


def call(name: str, caller: str, number: str, *, node: str = "", seconds: float = 5) -> call_probe.Happened:
    """Call ``number`` from a sample account, or from ``carrier``; ``node`` "" is the account's own, or the first."""
    plan = _plan(name)
    machine = plan.topology.host(CARRIER) if caller == CARRIER else plan.topology.of(Kind.PHONES)[0]
    account = None if caller == CARRIER else find_account(plan, caller)
    wish = call_probe.Wish(
        scratch=str(SCRATCH),
        address=machine.ipv4,
        node=node_address(plan, node or (account.node if account else plan.topology.nodes[0].name)),
        number=number,
        caller=account.name if account else CARRIER_CALLER,
        account=account.name if account else "",
        password=account.password if account else "",
        seconds=seconds,
    )
    answer = _run(name, machine.name, call_probe.__name__, msgspec.json.encode(wish))
    return msgspec.json.decode(answer, type=call_probe.Happened)


def register(name: str, account: str, *, node: str = "", seconds: int = 60) -> register_probe.Tried:
    """Register a phone with its true password, on any node."""
    plan = _plan(name)
    found = find_account(plan, account)
    machine = plan.topology.of(Kind.PHONES)[0]
    target = node_address(plan, node or found.node)
    return _register(plan, machine, target, "register", found.name, found.password, seconds=seconds)


def attack(
    name: str,
    *,
    node: str = "node1",
    failures: int = 4,
    attacker: str = "attacker1",
    account: str = "1_200",
    tcp: bool = False,
) -> register_probe.Tried:
    """Try that many wrong passwords, one after the other."""
    plan = _plan(name)
    machine = next((host for host in plan.topology.of(Kind.ATTACKER) if host.name == attacker), None)
    if machine is None:
        known = ", ".join(host.name for host in plan.topology.of(Kind.ATTACKER))
        raise NO_ATTACKER.refuse(field="attacker", attacker=attacker, attackers=known)
    return _register(plan, machine, node_address(plan, node), "attack", account, "wrong", times=failures, tcp=tcp)


def find_account(plan: Plan, account: str) -> Account:
    try:
        return plan.account(account)
    except KeyError:
        raise NO_ACCOUNT.refuse(field="account", account=account) from None


def node_address(plan: Plan, node: str) -> str:
    for host in plan.topology.nodes:
        if host.name == node:
            return host.ipv4
    raise NO_NODE.refuse(field="node", node=node)


def _register(
    plan: Plan,
    machine: Host,
    node: str,
    scenario: str,
    account: str,
    password: str,
    *,
    seconds: int = 60,
    times: int = 1,
    tcp: bool = False,
) -> register_probe.Tried:
    wish = register_probe.Wish(
        scenario=scenario,
        scratch=str(SCRATCH),
        address=machine.ipv4,
        node=node,
        account=account,
        password=password,
        seconds=seconds,
        times=times,
        tcp=tcp,
    )
    answer = _run(plan.name, machine.name, register_probe.__name__, msgspec.json.encode(wish))
    return msgspec.json.decode(answer, type=register_probe.Tried)


def _plan(name: str) -> Plan:
    place, _ = place_of(name)
    return plans.read(place / "plan.json")


def _run(name: str, machine: str, module: str, wish: bytes) -> bytes:
    """Run a probe's module on a machine; secrets go by its standard input.

    As a phone's, its packets wait for little else on this machine.
    """
    done = subprocess.run(
        command_line(name, machine, [*NICE, sys.executable, "-m", module]),
        input=wish,
        capture_output=True,
        env=dict(os.environ) | {"PYTHONPATH": str(SOURCE)},
        check=False,
    )
    if done.returncode != 0:
        lines = "\n".join(done.stderr.decode(errors="replace").splitlines()[-5:])
        raise PROBE_FAILED.refuse(machine=machine, lines=lines)
    return done.stdout


def save(samples: bytes, path: Path) -> None:
    """As a WAV file."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(g711.RATE)
        file.writeframes(samples)
