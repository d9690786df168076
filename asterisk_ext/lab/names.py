"""The lab's DNS server: BIND on the operator's machine, with the names that phones register by.

The first node alone holds the key that may move the servers' names, as the guide has it.
"""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

from asterisk_ext.lab import phones, private_files
from asterisk_ext.lab.asterisk_install import CACHE_VARIABLE, DEFAULT_CACHE
from asterisk_ext.lab.machines import SCRATCH
from asterisk_ext.lab.plan import Plan
from asterisk_ext.lab.precedence import before_others
from asterisk_ext.lab.reach import can_connect
from asterisk_ext.lab.supervisor import Supervisor
from asterisk_ext.lab.topology import DNS_PORT, ZONE, Topology, registration_name

READY_SECONDS = 30.0
KEY = "asterisk-ext"
MACHINE, PLACE = "operator", "dns"

SETTINGS = """options {{
  directory "{place}"; pid-file none; session-keyfile "{place}/session.key"; lock-file none;
  listen-on port {port} {{ {address}; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
key "{key}" {{ algorithm hmac-sha256; secret "{secret}"; }};
zone "{zone}" {{
  type primary; file "{place}/zone";
  update-policy {{ {grants} }};
}};
"""


def program() -> Path | None:
    """The one that `make setup` unpacked; it is never the machine's own service."""
    found = _unpacked() / "usr/sbin/named"
    return found if found.exists() else None


def command(settings_file: str) -> tuple[str, ...]:
    """BIND in the foreground, with one thread."""
    libraries = ":".join(str(path) for path in sorted(_unpacked().glob("usr/lib/*-linux-gnu")))
    return ("env", f"LD_LIBRARY_PATH={libraries}", str(program()), "-g", "-n", "1", "-c", settings_file)


def zone(topology: Topology, ttl: int) -> str:
    """The zone as it is before anything moves."""
    address = topology.host(MACHINE).ipv4
    return (
        f"$ORIGIN {ZONE}.\n$TTL {ttl}\n@ SOA ns hostmaster 1 3600 600 86400 {ttl}\n@ NS ns\nns A {address}\n"
        + "".join(f"{node.name} A {node.ipv4}\n" for node in topology.nodes)
    )


def settings(plan: Plan) -> str:
    """BIND's: the key may change the servers' addresses and nothing else."""
    names = (registration_name(node.name) for node in plan.topology.nodes)
    return SETTINGS.format(
        place=SCRATCH / PLACE,
        port=DNS_PORT,
        address=plan.topology.host(MACHINE).ipv4,
        key=KEY,
        secret=plan.dns_secret,
        zone=ZONE,
        grants=" ".join(f"grant {KEY} name {name} A AAAA;" for name in names),
    )


async def start(plan: Plan, supervisor: Supervisor) -> None:
    """Before the nodes; returns when it takes connections."""
    place = plan.scratch / MACHINE / PLACE
    texts = {"named.conf": settings(plan), "zone": zone(plan.topology, plan.dns_ttl)}
    private_files.write(place, texts, phones.NOBODY, phones.NOBODY)
    # Phones ask it whenever they register again, some three seconds before their registration ends.
    line = (*before_others(), *phones.as_nobody(command(str(SCRATCH / PLACE / "named.conf"))))
    running = await supervisor.start(MACHINE, "dns", line, place.with_suffix(".log"))
    listens = partial(can_connect, supervisor.holders[MACHINE], plan.topology.host(MACHINE).ipv4, DNS_PORT)
    await supervisor.until(running, listens, READY_SECONDS)


def _unpacked() -> Path:
    return Path(os.environ.get(CACHE_VARIABLE, DEFAULT_CACHE)) / "dns-servers"
