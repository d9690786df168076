"""The guard's own process, with both drivers, in a network of its own: from its start to 50,000 bans in the kernel; the
processor's time it takes while nothing happens.

    python -m tests.bench.guard_process [--rounds 5] [--idle 60]

The peers get the same addresses in the same run: ``nft -f`` and ``ipset restore`` of a file.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from firewall.guard_state import Ban, Failure, GuardState
from tests.bench.guard_kernel import sources
from tests.bench.table import show
from tests.own_network import Outside, in_own_network

ROOT = Path(__file__).resolve().parents[2]
FAILURES_OF_A_BAN, IDLE_BANS, KNOWN = 4, 20_000, 500
IMPORTS = "import firewall.guard, asterisk_ext.cli.guard"
PROBED = "198.19.77.77"
PROBE_SECONDS = 0.002
GIVE_UP_SECONDS = 30.0
LINE = '[2026-11-23 06:01:47.864] SECURITY[53] res_security_log.c: SecurityEvent="ChallengeResponseFailed",' + "x" * 400


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--bans", type=int, default=50_000)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--idle", type=float, default=60.0)
    given = options.parse_args()
    restore: list[tuple[str, ...]] = [("who", "median", "worst")]
    idle: list[tuple[str, ...]] = [("driver", "processor's time", "of a core")]
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory), given.bans)
        for driver in ("nftables", "iptables"):
            took = _in_network(lambda driver=driver: _restores(Path(directory), driver, given.rounds))  # type: ignore[misc]
            restore.append((f"guard, {driver}: process started → all dropped", *_figures(took[: given.rounds])))
            restore.append((f"… of which the interpreter and imports, {driver}", *_figures(took[given.rounds :])))
        for name, peer in (("nft -f", _nft_file), ("ipset restore", _ipset_restore)):
            took = _in_network(partial(_several, peer, given.bans, given.rounds))
            restore.append((name, *_figures(took)))
        show(f"{given.bans:,} bans, each with its {FAILURES_OF_A_BAN} failures in the state", restore)
    if not given.idle:
        return
    idle_bans = min(given.bans, IDLE_BANS)
    with tempfile.TemporaryDirectory() as directory:
        fill(Path(directory), idle_bans)
        for driver in ("nftables", "iptables"):
            (spent,) = _in_network(lambda driver=driver: [_idle(Path(directory), driver, given.idle)])  # type: ignore[misc]
            idle.append((driver, f"{spent * 1e3:.0f} ms in {given.idle:.0f} s", f"{spent / given.idle:.2%}"))
        show(f"Idle, {idle_bans:,} bans and {KNOWN} known addresses", idle)


def fill(directory: Path, bans: int) -> None:
    """A state as a guard leaves it."""
    now = time.time()
    state = GuardState(directory / "guard.sqlite")
    with state.change():
        for source in [PROBED, *list(sources(bans - 1))]:
            state.put_ban(Ban(source, now - 60, now + 86_000, FAILURES_OF_A_BAN, "log"))
            state.add_failures(
                Failure(source, now - 61 - n, "PJSIP", "UDP", "1_200", "ChallengeResponseFailed", LINE)
                for n in range(FAILURES_OF_A_BAN)
            )
        state.put_successes((f"192.0.{n >> 8}.{n & 255}", "1_200", now - 60) for n in range(KNOWN))
    state.close()


def start(directory: Path, driver: str) -> subprocess.Popen[bytes]:
    config = directory / "config.toml"
    log = directory / "security"
    log.touch()
    config.write_text(
        f'[guard]\nsocket = "{directory}/guard.sock"\nstate = "{directory}"\nlog = "{log}"\ndriver = "{driver}"\n'
    )
    return subprocess.Popen(
        [sys.executable, "-m", "asterisk_ext.cli.main", "guard", "run", "--config", str(config)],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )


def stop(guard: subprocess.Popen[bytes]) -> None:
    guard.send_signal(signal.SIGTERM)
    guard.wait(20)


def _restores(directory: Path, driver: str, rounds: int) -> list[float]:
    """The restores' times, then those of a process that only imports the same."""
    outside = Outside()
    took, imports = [], []
    try:
        for _ in range(rounds):
            _forget(driver)
            began = time.perf_counter()
            guard = start(directory, driver)
            took.append(_first_lost(outside) - began)
            stop(guard)
            began = time.perf_counter()
            subprocess.run(
                [sys.executable, "-c", "import firewall.guard, asterisk_ext.cli.guard"], cwd=ROOT, check=True
            )
            imports.append(time.perf_counter() - began)
    finally:
        outside.close()
    return [*took, *imports]


def _forget(driver: str) -> None:
    """The kernel as a restart of the machine leaves it."""
    if driver == "nftables":
        subprocess.run(["nft", "flush", "ruleset"], check=True)
        return
    for program in ("iptables-legacy", "ip6tables-legacy"):
        for table in ("raw", "filter"):
            subprocess.run([program, "-t", table, "-F"], check=True)
            subprocess.run([program, "-t", table, "-X"], check=True)
    subprocess.run(["ipset", "destroy"], check=True)


def _first_lost(outside: Outside) -> float:
    """When the first packet of a banned address did not arrive any more."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone, outside.socket(PROBED) as sender:
        phone.bind((Outside.NODE4, 12_000))
        phone.settimeout(0.05)
        deadline = time.perf_counter() + GIVE_UP_SECONDS
        while (sent := time.perf_counter()) < deadline:
            sender.sendto(b"x", (Outside.NODE4, 12_000))
            try:
                phone.recv(10)
            except TimeoutError:
                return sent
            time.sleep(PROBE_SECONDS)
    raise AssertionError("never banned")


def _idle(directory: Path, driver: str, seconds: float) -> float:
    """The processor's time, the system's part included."""
    guard = start(directory, driver)
    while not (directory / "guard.sock").exists():
        time.sleep(0.1)
    time.sleep(2)
    before = _processor_seconds(guard.pid)
    time.sleep(seconds)
    spent = _processor_seconds(guard.pid) - before
    stop(guard)
    return spent


def _processor_seconds(pid: int) -> float:
    """Of the scheduler's own account, in nanoseconds; the ticks of ``stat`` are too coarse."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def _several(peer: Callable[[int], float], bans: int, rounds: int) -> list[float]:
    return [peer(bans) for _ in range(rounds)]


def _nft_file(bans: int) -> float:
    text = "\n".join(
        [
            "flush ruleset",
            "add table inet peer",
            "add set inet peer ban { type ipv4_addr; flags timeout; }",
            f"add element inet peer ban {{ {', '.join(f'{source} timeout 1d' for source in sources(bans))} }}",
        ]
    )
    return _timed(["nft", "-f", "-"], text)


def _ipset_restore(bans: int) -> float:
    text = "\n".join(
        [
            f"create peer hash:ip timeout 0 maxelem {1 << 20}",
            *(f"add peer {source} timeout 86400" for source in sources(bans)),
            "",
        ]
    )
    took = _timed(["ipset", "restore"], text)
    subprocess.run(["ipset", "destroy", "peer"], check=True)
    return took


def _timed(command: list[str], text: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, input=text, text=True, check=True)
    return time.perf_counter() - began


def _figures(took: list[float]) -> tuple[str, str]:
    return f"{statistics.median(took):.2f} s", f"{max(took):.2f} s"


def _in_network(measure: Callable[[], list[float]]) -> list[float]:
    reader, writer = os.pipe()

    def body() -> None:
        os.write(writer, " ".join(map(repr, measure())).encode())

    in_own_network(body)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        return [float(value) for value in pipe.read().split()]


if __name__ == "__main__":
    main()
