"""The lab's switch and cables: a bridge, and a veth pair to each machine's namespace."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

from asterisk_ext.lab.topology import PREFIX4, PREFIX6, Host, Topology

SWITCH = "switch0"


def switch_commands(topology: Topology, holders: Mapping[str, int]) -> str:
    """Input for ``ip -batch`` in the switch's namespace; ``holders`` tells the process that holds each namespace."""
    lines = [f"link add {SWITCH} type bridge forward_delay 0 mcast_snooping 0", f"link set {SWITCH} up"]
    for number, host in enumerate(topology.hosts):
        port = f"port{number}"
        lines += [
            f"link add {port} type veth peer name eth0 netns {holders[host.name]}",
            f"link set {port} master {SWITCH} up",
        ]
    return "\n".join(lines) + "\n"


def host_commands(host: Host) -> str:
    """Input for ``ip -batch`` in a machine's own namespace."""
    return (
        f"link set lo up\n"
        f"addr add {host.ipv4}/{PREFIX4} dev eth0\n"
        f"addr add {host.ipv6}/{PREFIX6} dev eth0 nodad\n"
        f"link set eth0 up\n"
    )


def connect(topology: Topology, holders: Mapping[str, int]) -> None:
    """Build the network from inside the switch's namespace; CalledProcessError tells what ``ip`` refused."""
    for name in ("iptables", "ip6tables", "arptables"):
        setting = Path(f"/proc/sys/net/bridge/bridge-nf-call-{name}")
        if setting.exists():
            setting.write_text("0")
    _batch([], switch_commands(topology, holders))
    for host in topology.hosts:
        _batch(["nsenter", "--target", str(holders[host.name]), "--net", "--"], host_commands(host))


def _batch(prefix: list[str], commands: str) -> None:
    subprocess.run([*prefix, "ip", "-batch", "-"], input=commands, text=True, check=True, capture_output=True)
