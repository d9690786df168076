"""Enters the sample fleet through the first node's API, as an operator would."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

from asterisk_ext.cli.client import ask
from asterisk_ext.lab import sample
from asterisk_ext.lab.plan import Plan


async def provision(plan: Plan, socket: Path) -> None:
    """Servers, virtual PBXs and users; ``socket`` is the node service's. Raises the refusal that the API gave."""
    nodes = {node.name: node.ipv4 for node in plan.topology.nodes}
    for server in sample.servers(nodes):
        await asyncio.to_thread(ask, str(socket), "POST", "servers", server)
    document = sample.tenants(tuple(nodes), plan.topology.host("carrier").ipv4, plan.passwords)
    await asyncio.to_thread(ask, str(socket), "POST", "pbx/import", data=json.dumps(document).encode())
    for name, password in plan.users.items():
        user = {"name": name, "password": password, "role": name}
        await asyncio.to_thread(ask, str(socket), "POST", "users", user)
