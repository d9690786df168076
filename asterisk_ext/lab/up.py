"""`lab up`, on the machine's side: checks, the sockets of the console, and the lab's first process."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from asterisk_ext.domain.errors import Problem
from asterisk_ext.lab import etcd, names, namespaces, report, state, supervisor
from asterisk_ext.lab.node_tree import SOURCE
from asterisk_ext.lab.plan import STATE, Plan

NOT_ROOT = Problem(
    "lab.not_root",
    403,
    "The lab was not touched: only root can make network namespaces and mounts.",
    "Run the same command as root, for instance with sudo.",
)
NO_NAMESPACES = Problem(
    "lab.no_namespaces",
    500,
    "The lab was not started: this machine lets nobody make process, network and mount namespaces ({reason}).",
    "Use a machine or a virtual machine of its own; inside a container, start it with the needed privileges.",
)
PORT_TAKEN = Problem(
    "lab.port_taken",
    409,
    "The lab was not started: port {port} of 127.0.0.1 is in use.",
    "Give another with --port; each node takes one from there on.",
)
NAME_TAKEN = Problem(
    "lab.name_taken",
    409,
    "The lab was not started: a lab named {name} is up.",
    "Use it, end it with `asterisk-ext lab down --name {name}`, or give another name with --name.",
)
BAD_NAME = Problem(
    "lab.bad_name",
    422,
    "{name!r} cannot be a lab's name.",
    "Give 1 to 32 lower-case letters, digits or hyphens.",
)
PROGRAM_MISSING = Problem(
    "lab.program_missing",
    500,
    "The lab was not started: {programs} not found.",
    "Run `make setup`; it installs what the lab needs.",
)
INTERRUPTED = Problem(
    "lab.interrupted", 500, "The lab {name} was interrupted while it started; nothing of it is left.", "Start it again."
)
ENDED = Problem(
    "lab.ended", 500, "The lab {name} ended; nothing of it is left.", "Start it again if you did not end it yourself."
)
PROGRAMS = ("ip", "nsenter", "setpriv", "chrt", "chroot", "nft", "openssl", "sipp", "baresip")


def check_name(name: str) -> None:
    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,31}", name):
        raise BAD_NAME.refuse(field="name", name=name)


def check_root() -> None:
    if os.geteuid() != 0:
        raise NOT_ROOT.refuse()


def up(plan: Plan, say: Callable[[str], None]) -> int:
    """Start the lab and wait until it is ready; returns its first process, a child of this one.

    Whatever goes wrong, an interrupt included, leaves no lab behind.
    """
    check_root()
    check_name(plan.name)
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if plan.registry == "etcd" and etcd.program() is None:
        missing.append("etcd")
    if plan.dns and names.program() is None:
        missing.append("named")
    if missing:
        raise PROGRAM_MISSING.refuse(programs=", ".join(missing))
    with contextlib.ExitStack() as stack:
        lock = stack.enter_context(_locked(plan.place, plan.name))
        undo = stack.enter_context(contextlib.ExitStack())
        undo.callback(remove, plan.place)
        sockets = [stack.enter_context(_listening(port)) for port in plan.ports().values()]
        _write_plan(plan)
        read_end, write_end = os.pipe()
        pipe = stack.enter_context(os.fdopen(read_end))
        try:
            child = _start(plan, write_end, [item.fileno() for item in sockets], lock)
        finally:
            os.close(write_end)
        undo.callback(child.wait)
        undo.callback(end, child.pid)
        state.write_first_process(plan.place, child.pid)
        for step in report.follow(pipe, lambda: supervisor.tail(plan.place / "first.log")):
            say(step)
        undo.pop_all()
        child.returncode = 0
        return child.pid


def wait(pid: int) -> None:
    """Until the lab ends, or a signal's handler raises.

    A signal that comes just before a system call blocks would wait for the next one; so each also writes to a pipe.
    """
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    handle = os.pidfd_open(pid)
    before = signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    try:
        while handle not in select.select([handle, woken], [], [])[0]:
            os.read(woken, 64)
    finally:
        signal.set_wakeup_fd(before)
        for opened in (handle, woken, wake):
            os.close(opened)


def down(name: str) -> bool:
    """End the lab, if it is up, and remove what a crash may have left; returns whether it was up."""
    check_root()
    check_name(name)
    place = STATE / name
    pid = state.first_process(place)
    if pid is not None:
        end(pid)
    remove(place)
    return pid is not None


def remove(place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(OSError):
        place.parent.rmdir()


def end(pid: int) -> None:
    """Kill the lab's first process; when this returns the kernel has ended all the others too."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            select.select([handle], [], [])
        finally:
            os.close(handle)


@contextlib.contextmanager
def _locked(place: Path, name: str) -> Iterator[int]:
    """The lab's directory, made afresh and held by a lock that lives as long as the lab does."""
    while True:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise NAME_TAKEN.refuse(field="name", name=name) from None
        with contextlib.suppress(FileNotFoundError):
            if os.fstat(handle).st_ino == place.stat().st_ino:
                break
        os.close(handle)
    try:
        for left in place.iterdir():
            shutil.rmtree(left) if left.is_dir() else left.unlink()
        yield handle
    finally:
        os.close(handle)


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("127.0.0.1", port))
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise PORT_TAKEN.refuse(field="port", port=port) from error
        raise


def _write_plan(plan: Plan) -> None:
    path = plan.place / "plan.json"
    path.touch(mode=0o600)
    path.write_bytes(msgspec.json.encode(plan))
    plan.scratch.mkdir(mode=0o755)


def _start(plan: Plan, report_fd: int, console_fds: list[int], lock: int) -> subprocess.Popen[bytes]:
    own_space = os.open("/proc/self/ns/pid", os.O_RDONLY)
    arguments = [str(plan.place / "plan.json"), str(report_fd), *map(str, console_fds)]
    try:
        namespaces.unshare(namespaces.CLONE_NEWPID)
        with (plan.place / "first.log").open("wb") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "asterisk_ext.lab.first_process", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[report_fd, lock, *console_fds],
                env=dict(os.environ) | {"PYTHONPATH": str(SOURCE)},
                start_new_session=True,
            )
    except OSError as error:
        raise NO_NAMESPACES.refuse(reason=error.strerror) from error
    finally:
        # The lab's first process is made; what this process starts from now on belongs to the machine again.
        namespaces.setns(own_space, namespaces.CLONE_NEWPID)
        os.close(own_space)
