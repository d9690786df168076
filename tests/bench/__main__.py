"""All benches in turn, each a process of its own: ``python -m tests.bench [NAME…]``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from tests.bench.catalogue import LAB, ON_A_LAB, ON_A_NAMED_LAB, ON_ONE_ASTERISK, SMALL

COMMAND = (sys.executable, "-m", "asterisk_ext.cli.main", "lab")


def main(names: Sequence[str]) -> None:
    for name in names or (*SMALL, *ON_ONE_ASTERISK, *ON_A_LAB, *ON_A_NAMED_LAB):
        print(f"\n# {name}", flush=True)
        if name in ON_A_LAB:
            _on_a_lab(name, "--driver", "nftables", "--driver", "iptables")
        elif name in ON_A_NAMED_LAB:
            _on_a_lab(name, "--dns", "--dns-ttl", "30")
        else:
            _run(name)


def _on_a_lab(name: str, *options: str) -> None:
    subprocess.run([*COMMAND, "up", "--detach", "--name", LAB, "--port", "8190", *options], check=True)
    try:
        _run(name, LAB)
    finally:
        subprocess.run([*COMMAND, "down", "--name", LAB], check=True)


def _run(name: str, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *arguments], check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
