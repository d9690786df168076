"""A million distinct failing sources through the whole guard process: its resident memory, and whether an attacker with
four failures among them is banned in the kernel.

    python -m tests.bench.guard_memory [--sources 1000000] [--driver nftables]

The log is written as fast as the guard reads it. The peer, in the same run, is an interpreter with nothing but the
guard's imports.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from tests.bench.guard_process import IMPORTS, ROOT, start, stop
from tests.bench.table import show
from tests.own_network import in_own_network

ATTACKER = "203.0.113.66"
AT_ONCE = 5_000
PEAK = f"{IMPORTS}; print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--sources", type=int, default=1_000_000)
    options.add_argument("--driver", default="nftables")
    given = options.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        in_own_network(lambda: _run(Path(directory), given.driver, given.sources))
        told = (Path(directory) / "told").read_text().splitlines()
    show(f"{given.sources:,} distinct failing sources, {given.driver}", [("figure", "value"), *map(_row, told)])


def _row(line: str) -> tuple[str, ...]:
    return tuple(line.split("\t"))


def _run(directory: Path, driver: str, sources: int) -> None:
    began = time.perf_counter()
    guard = start(directory, driver)
    while not (directory / "guard.sock").exists():
        time.sleep(0.1)
    log = directory / "security"
    attacks = {sources * part // 4 - sources // 8 for part in (1, 2, 3, 4)}
    with log.open("a") as writer:
        lines: list[str] = []
        for number in range(sources):
            lines.append(line(f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", number))
            if number in attacks:
                lines.append(line(ATTACKER, number))
            if len(lines) >= AT_ONCE:
                writer.writelines(lines)
                writer.flush()
                lines = []
        writer.writelines(lines)
    peak = _peak(guard.pid)
    while _done(directory) < log.stat().st_size:
        time.sleep(0.5)
    took = time.perf_counter() - began
    peak = max(peak, _peak(guard.pid))
    bans = _banned(driver)
    stop(guard)
    alone = subprocess.run([sys.executable, "-c", PEAK], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    (directory / "told").write_text(
        "\n".join(
            [
                f"resident memory at most, the whole process\t{peak / 1024:.0f} MB",
                f"an interpreter with the guard's imports\t{int(alone.split()[1]) / 1024:.0f} MB",
                f"a failure takes, evidence written\t{took / sources * 1e6:.0f} µs",
                f"the attacker with four failures among them\t{'banned' if ATTACKER in bans else 'MISSED'}",
            ]
        )
    )


def line(address: str, number: int) -> str:
    now = datetime.now(UTC)
    stamp = now.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "+0000"
    return (
        f'[{now:%Y-%m-%d %H:%M:%S}.000] SECURITY[77] res_security_log.c: SecurityEvent="ChallengeResponseFailed",'
        f'EventTV="{stamp}",Severity="Error",Service="PJSIP",EventVersion="1",AccountID="1_200",SessionID="{number}@x",'
        f'LocalAddress="IPV4/UDP/198.18.0.1/5060",RemoteAddress="IPV4/UDP/{address}/5070",'
        f'Challenge="1795375008/6e",Response="{number:032x}",ExpectedResponse=""\n'
    )


def _peak(pid: int) -> int:
    """KiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(row for row in status.splitlines() if row.startswith("VmHWM")).split()[1])


def _done(directory: Path) -> int:
    asked = [sys.executable, "-c", OFFSET, str(directory / "guard.sock")]
    return int(subprocess.run(asked, capture_output=True, text=True, check=True).stdout)


OFFSET = """
import json, socket, sys
with socket.socket(socket.AF_UNIX) as caller:
    caller.connect(sys.argv[1])
    caller.sendall(b'{"verb":"status"}\\n')
    print(json.loads(caller.makefile().readline())["result"]["log_offset"])
"""


def _banned(driver: str) -> str:
    command = {
        "nftables": ["nft", "list", "set", "inet", "asterisk_ext", "ban4"],
        "iptables": ["ipset", "list", "asterisk_ext_ban4"],
    }[driver]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main()
