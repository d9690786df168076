"""Fills the fresh fleet by the product's own command line: servers, the console's users, the sample's virtual PBXs."""

from __future__ import annotations

import asyncio

import msgspec

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import sample
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.supervisor import Supervisor
from asterisk_ext.lab.topology import Kind

REFUSED = Problem(
    "lab.not_provisioned",
    500,
    "The sample fleet was not filled: {command} said: {printed}",
    "Look whether the node service runs; its log is below /var/log/asterisk-ext of the node.",
)


async def fill(plan: Plan, supervisor: Supervisor) -> None:
    """Servers first: virtual PBXs live on them."""
    nodes = plan.topology.nodes
    for number, node in enumerate(nodes, 1):
        words = ("server", "add", node.name, "--id", str(number), "--ip", node.ipv4, "--registration", node.ipv4)
        await _ask(plan, supervisor, (*words, "--technology", "CORE SERVER"))
    carrier = plan.topology.of(Kind.CARRIER)[0].ipv4
    document = sample.document(tuple(node.name for node in nodes), carrier, plan.accounts)
    await asyncio.gather(
        _ask(plan, supervisor, ("pbx", "import", "-"), msgspec.json.encode(document)),
        *(
            _ask(plan, supervisor, ("user", "add", name, "--role", name), password.encode() + b"\n")
            for name, password in plan.users.items()
        ),
    )


async def _ask(plan: Plan, supervisor: Supervisor, words: tuple[str, ...], given: bytes = b"") -> None:
    first = plan.topology.nodes[0].name
    status, printed = await supervisor.output(first, ("asterisk-ext", *words), given)
    if status:
        raise REFUSED.refuse(command=" ".join(("asterisk-ext", *words)), printed=printed.strip())
