"""Enters the sample fleet through the first node's API, as an operator would."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

from asterisk_ext.cli.client import ask
from asterisk_ext.lab import sample
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.topology import registration_name


async def add_servers(plan: Plan, socket: Path) -> dict[str, str]:
    """The servers' records; returns the tokens by which all but the first join. ``socket`` is the node service's."""
    nodes = {node.name: (node.ipv4, str(plan.technology(node.name))) for node in plan.topology.nodes}
    names = {name: registration_name(name) for name in nodes} if plan.dns else {}
    for server in sample.servers(nodes, names):
        await _post(socket, "servers", server)
    joining = list(nodes)[1:]
    return {name: (await _post(socket, f"servers/{name}/join-token", {}))["token"] for name in joining}


async def provision(plan: Plan, socket: Path) -> None:
    """Virtual PBXs and users. Raises the refusal that the API gave."""
    document = sample.tenants(plan.hosts, plan.topology.host("carrier").ipv4, plan.passwords)
    await asyncio.to_thread(ask, str(socket), "POST", "pbx/import", data=json.dumps(document).encode())
    for name, password in plan.users.items():
        await _post(socket, "users", {"name": name, "password": password, "role": name})


async def _post(socket: Path, path: str, body: dict[str, Any]) -> Any:
    return await asyncio.to_thread(ask, str(socket), "POST", path, body)
