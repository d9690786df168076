"""The lab's first process: makes the machines, starts what runs on them, and is the end of it all when it ends.

It is process 1 of the lab's own process namespace: when it dies, of whatever cause, the kernel kills every other
process of the lab, and with them go the namespaces, their interfaces, firewalls and mounts.
Run as ``python -m asterisk_ext.lab.first_process PLAN REPORT_FD CONSOLE_FD…``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

from asterisk_ext.domain.errors import Problem, Refusal
from asterisk_ext.lab import asterisk_install, machines, namespaces, network, state
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab.bring_up import bring_up
from asterisk_ext.lab.report import Report
from asterisk_ext.lab.supervisor import Supervisor
from asterisk_ext.tasks import Tasks

CANNOT_BUILD = Problem(
    "lab.cannot_build",
    500,
    "The lab's machines could not be made: {reason}.",
    "The lab needs root, network namespaces, bridges, veth and overlay file systems of this kernel.",
)
REAP_SECONDS = 5


def main(arguments: list[str]) -> int:
    namespaces.die_with_parent(True)
    plan = plans.read(Path(arguments[0]))
    report = Report(int(arguments[1]))
    try:
        install = asterisk_install.find()
        holders = _build(plan, install, report)
        asyncio.run(_live(plan, install, holders, [int(fd) for fd in arguments[2:]], report))
    except Refusal as refusal:
        report.failed(refusal)
        return 1
    return 0


def _build(plan: plans.Plan, install: asterisk_install.Install, report: Report) -> dict[str, int]:
    """Namespaces, file systems and cables."""
    report.say(f"machines: {', '.join(host.name for host in plan.topology.hosts)}; {install.version}")
    try:
        namespaces.unshare(namespaces.CLONE_NEWNS | namespaces.CLONE_NEWNET | namespaces.CLONE_NEWUTS)
        namespaces.make_mounts_private()
        namespaces.mount("proc", Path("/proc"), "proc")
        namespaces.mount("lab", plan.scratch, "tmpfs", options="mode=755")
        holders = machines.make_all(plan, install)
        network.connect(plan.topology, holders)
    except subprocess.CalledProcessError as error:
        raise CANNOT_BUILD.refuse(reason=error.stderr.strip()) from error
    except OSError as error:
        raise CANNOT_BUILD.refuse(reason=error) from error
    return holders


async def _live(
    plan: plans.Plan,
    install: asterisk_install.Install,
    holders: dict[str, int],
    console_fds: list[int],
    report: Report,
) -> None:
    """Bring everything up, say so, and stay until told to end."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    ready = False

    def tell() -> None:
        processes = tuple(
            state.Process(host=item.host, name=item.name, pid=item.pid, status=item.status)
            for item in supervisor.running
        )
        told = state.State(asterisk=install.version, ready=ready, holders=holders, processes=processes)
        state.write(plan, told)

    async with Tasks() as tasks:
        supervisor = Supervisor(holders, tasks, tell)
        tasks.start("reap", _reap(supervisor))
        await bring_up(plan, install, supervisor, console_fds, report)
        ready = True
        tell()
        if plan.detach:
            namespaces.die_with_parent(False)
        report.ready()
        await ended.wait()


async def _reap(supervisor: Supervisor) -> None:
    """Collect the dead whose parents died before them: those that were dead a whole period ago already."""
    before: set[int] = set()
    while True:
        own = {item.pid for item in supervisor.running}
        dead = {pid for pid in _dead_children() if pid not in own}
        for pid in dead & before:
            os.waitpid(pid, os.WNOHANG)  # noqa: ASYNC222 - it does not wait
        before = dead - before
        await asyncio.sleep(REAP_SECONDS)


def _dead_children() -> list[int]:
    """Zombies whose parent this process is (fields 3 and 4 of /proc/PID/stat)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                status, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
                if status == "Z" and parent == "1":
                    found.append(int(entry.name))
    return found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
