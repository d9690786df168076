"""What the running lab tells of itself: one file, replaced whole, and how to make its process ids the machine's."""

from __future__ import annotations

from pathlib import Path

import msgspec

from asterisk_ext.lab.plan import Plan


class Process(msgspec.Struct, frozen=True, kw_only=True):
    """``pid`` is counted inside the lab; ``status`` is how it ended, null while it runs."""

    host: str
    name: str
    pid: int
    status: int | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    asterisk: str = ""
    """The version that runs."""
    ready: bool = False
    holders: dict[str, int] = {}
    """Each machine's name and the process that holds its namespaces open; ids as inside the lab."""
    processes: tuple[Process, ...] = ()


def write(plan: Plan, state: State) -> None:
    draft = plan.place / "state.json.new"
    draft.write_bytes(msgspec.json.encode(state))
    draft.replace(plan.place / "state.json")


def read(place: Path) -> State:
    """An empty state where the lab has not told any yet."""
    try:
        return msgspec.json.decode((place / "state.json").read_bytes(), type=State)
    except FileNotFoundError:
        return State()


def write_first_process(place: Path, pid: int) -> None:
    (place / "first.pid").write_text(f"{pid}\n")


def first_process(place: Path) -> int | None:
    """The machine's id of the lab's first process; None when the lab is not there or is dead."""
    try:
        pid = int((place / "first.pid").read_text())
        arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if str(place / "plan.json").encode() in arguments else None


def machine_pids(first: int) -> dict[int, int]:
    """The machine's process ids by those inside the lab of ``first`` (NSpid of proc(5))."""
    space = Path(f"/proc/{first}/ns/pid").readlink()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            if (entry / "ns/pid").readlink() == space:
                found[inner_pid((entry / "status").read_text())] = int(entry.name)
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
    return found


def inner_pid(status: str) -> int:
    """The innermost id in the text of /proc/PID/status."""
    line = next(line for line in status.splitlines() if line.startswith("NSpid:"))
    return int(line.split()[-1])
