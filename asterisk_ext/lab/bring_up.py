"""What is started on the lab's machines, in order, each awaited until it is ready."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from functools import partial

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import etcd, machines, names, node_tree, private_files, sample, services, traffic
from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.provision import add_servers, provision
from asterisk_ext.lab.reach import can_connect
from asterisk_ext.lab.report import Report
from asterisk_ext.lab.supervisor import Running, Supervisor
from asterisk_ext.lab.topology import CONSOLE_PORT, DNS_PORT, ZONE, Host, Kind

READY_SECONDS = 60.0
NOT_JOINED = Problem(
    "lab.not_joined", 500, "The lab was not started: {node} could not join the fleet: {told}", "Look at its log."
)


async def bring_up(
    plan: Plan, install: Install, supervisor: Supervisor, console_fds: list[int], report: Report
) -> None:
    """Refuses with the name of what did not come up."""
    topology = plan.topology
    first, *others = topology.nodes
    if plan.dns:
        await names.start(plan, supervisor)
        report.say(f"dns: {topology.of(Kind.OPERATOR)[0].ipv4} port {DNS_PORT}, zone {ZONE}")
    if plan.registry == "etcd":
        await etcd.start(plan, supervisor)
        report.say(f"etcd: a server on each of {len(topology.nodes)} nodes")
    await _start_node(plan, install, supervisor, first)
    socket = node_tree.inside(machines.node_base(plan, first.name), "/run/asterisk-ext/admin.sock")
    tokens = await add_servers(plan, socket)
    await asyncio.gather(*(_join(plan, install, supervisor, node, tokens[node.name]) for node in others))
    report.say(f"services: {', '.join(service.name for service in services.of_node(install))} on every node")
    await _start_relay(plan, supervisor, console_fds)
    await provision(plan, socket)
    report.say(f"fleet: {len(topology.nodes)} servers, {len(sample.TENANTS) + 1} virtual PBXs")
    await _start_traffic(plan, supervisor, report)


async def _start_traffic(plan: Plan, supervisor: Supervisor, report: Report) -> None:
    """Phones first, so that the calls find someone."""
    await traffic.start_carrier(plan, supervisor)
    running = await traffic.start_phones(plan, supervisor, plan.phones)
    await supervisor.until(running, partial(_are_registered, supervisor, plan.phones), READY_SECONDS)
    report.say(f"phones: {len(plan.phones)} registered")
    calls = await traffic.keep_calls(plan, supervisor)
    if calls:
        report.say(f"calls: {plan.calls} kept up")


async def _are_registered(supervisor: Supervisor, accounts: Sequence[sample.Account]) -> bool:
    for node in {account.node for account in accounts}:
        _, text = await supervisor.output(node, ("asterisk", "-rx", "pjsip show contacts"))
        if any(f" {account.name}/sip:" not in text for account in accounts if account.node == node):
            return False
    return True


async def _join(plan: Plan, install: Install, supervisor: Supervisor, node: Host, token: str) -> None:
    """By the documented command, the token in a file of the service's user."""
    place = node_tree.inside(machines.node_base(plan, node.name), "/var/lib/asterisk-ext")
    private_files.write(place, {"token": token}, install.uid, install.gid)
    command = services.as_asterisk(install, ("asterisk-ext", "node", "join", "--file", "/var/lib/asterisk-ext/token"))
    status, text = await supervisor.output(node.name, command)
    if status:
        raise NOT_JOINED.refuse(node=node.name, told=text)
    (place / "token").unlink()
    await _start_node(plan, install, supervisor, node)


async def _start_node(plan: Plan, install: Install, supervisor: Supervisor, node: Host) -> None:
    base = machines.node_base(plan, node.name)
    for service in services.of_node(install, plan.driver(node.name), plan.technology(node.name).hosts):
        log = node_tree.inside(base, f"/var/log/asterisk-ext/{service.name}.log")
        running = await supervisor.start(node.name, service.name, service.command, log)
        await supervisor.until(running, partial(_is_ready, plan, supervisor, node, service), READY_SECONDS)


async def _is_ready(plan: Plan, supervisor: Supervisor, node: Host, service: services.Service) -> bool:
    match service.ready:
        case services.Answers(command):
            return await supervisor.succeeds(node.name, command)
        case services.Exists(path):
            return node_tree.inside(machines.node_base(plan, node.name), path).exists()
        case services.Listens(port):
            return await can_connect(supervisor.holders["operator"], node.ipv4, port)


async def _start_relay(plan: Plan, supervisor: Supervisor, console_fds: list[int]) -> Running:
    nodes = plan.topology.nodes
    targets = [f"{fd}={node.ipv4}:{CONSOLE_PORT}" for fd, node in zip(console_fds, nodes, strict=True)]
    return await supervisor.start(
        "operator",
        "relay",
        (sys.executable, "-m", "asterisk_ext.lab.relay", *targets),
        plan.scratch / "operator" / "relay.log",
        fds=console_fds,
    )
