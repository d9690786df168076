"""Running a command on one of the lab's machines."""

from __future__ import annotations

import os
from collections.abc import Sequence

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import plan as plans
from asterisk_ext.lab import state
from asterisk_ext.lab.status import place_of

NO_MACHINE = Problem("lab.no_machine", 404, "The lab {name} has no machine named {machine!r}.", "It has {machines}.")
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def command_line(name: str, machine: str, command: Sequence[str]) -> list[str]:
    """The whole command line that runs ``command`` on a machine of a running lab, to end with the lab or its caller."""
    place, first = place_of(name)
    plan, told = plans.read(place / "plan.json"), state.read(place)
    holder = state.machine_pids(first).get(told.holders.get(machine, 0))
    if holder is None:
        machines = ", ".join(host.name for host in plan.topology.hosts)
        raise NO_MACHINE.refuse(field="machine", name=name, machine=machine, machines=machines)
    spaces = ("--net", "--mount", "--uts", "--pid")
    return ["nsenter", f"--target={holder}", *spaces, "--", "setpriv", "--pdeathsig=KILL", "--", *command]


def execute(name: str, machine: str, command: Sequence[str]) -> None:
    """Become ``command`` on that machine: its status is this process's."""
    line = command_line(name, machine, command)
    os.execvpe(line[0], line, dict(os.environ) | {"PATH": PATH})  # noqa: S606 - no shell is wanted
