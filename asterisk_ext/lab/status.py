"""`lab status`: what runs, where it is reached, and the sample's credentials."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import state
from asterisk_ext.lab.plan import STATE, Plan
from asterisk_ext.lab.topology import Kind

NOT_UP = Problem(
    "lab.not_up", 409, "There is no lab named {name}.", "Bring it up with `asterisk-ext lab up --name {name}`."
)


def place_of(name: str) -> tuple[Path, int]:
    """The running lab's directory and its first process; refuses ``lab.not_up``."""
    place = STATE / name
    first = state.first_process(place)
    if first is None:
        raise NOT_UP.refuse(field="name", name=name)
    return place, first


def status(name: str) -> dict[str, Any]:
    """Plain data for people and programs; process ids are the machine's."""
    place, first = place_of(name)
    plan, told = plans.read(place / "plan.json"), state.read(place)
    pids = state.machine_pids(first)
    services = {
        host.name: {
            process.name: {"pid": pids.get(process.pid), "state": _state(process)}
            for process in told.processes
            if process.host == host.name
        }
        for host in plan.topology.hosts
    }
    ports = plan.ports()
    machines = [
        {
            "name": host.name,
            "kind": str(host.kind),
            "addresses": [host.ipv4, host.ipv6],
            "services": services[host.name],
        }
        for host in plan.topology.hosts
    ]
    return {
        "name": plan.name,
        "ready": told.ready,
        "pid": first,
        "asterisk": told.asterisk,
        "nodes": [
            machine | {"console": f"http://127.0.0.1:{ports[str(machine['name'])]}/"}
            for machine in machines
            if machine["kind"] == Kind.NODE
        ],
        "machines": [machine for machine in machines if machine["kind"] != Kind.NODE],
        "users": plan.users,
        "accounts": accounts(plan),
    }


def accounts(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "account": account.name,
            "password": account.password,
            "pbx": account.pbx,
            "extension": account.extension,
            "node": account.node,
        }
        for account in plan.accounts
    ]


def _state(process: state.Process) -> str:
    return "running" if process.status is None else f"ended with status {process.status}"


def as_text(told: dict[str, Any]) -> str:
    """The same for people."""
    lines = [f"lab {told['name']}: {'ready' if told['ready'] else 'starting'}; {told['asterisk']}"]
    for node in told["nodes"]:
        lines.append(f"  {node['name']:<10} {node['addresses'][0]:<15} console {node['console']}")
    for machine in (*told["nodes"], *told["machines"]):
        for name, service in machine["services"].items():
            lines.append(f"  {machine['name']:<10} {name:<15} {service['state']}, process {service['pid']}")
    lines.append("console users")
    lines += [f"  {user:<15} {password}" for user, password in told["users"].items()]
    lines.append("phones")
    lines += [f"  {item['account']:<15} {item['password']}  on {item['node']}" for item in told["accounts"]]
    administrator = told["users"]["administrator"]
    lines.append(f"open {told['nodes'][0]['console']} and log in as administrator with {administrator}")
    return "\n".join(lines)
