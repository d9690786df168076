"""A network namespace to throw away: two ends of a cable, nothing else, gone with the process that made it."""

from __future__ import annotations

import ctypes
import os
import select
import socket
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall_trial import Question
from asterisk_ext.domain.firewall_types import Protocol
from firewall.proof.packets import NODE, NODE_MAC, OTHER_MAC, SENTINEL, Crafter, listeners, numbers_heard

NO_NAMESPACE = Problem(
    "firewall.proof_impossible",
    503,
    "The rules could not be proved: {reason}.",
    "Allow user namespaces, or run the guard with CAP_SYS_ADMIN for its proof; or apply without a proof, with --force.",
)
CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
IP = "/usr/sbin/ip"
NODE_END, OTHER_END = "node0", "other0"
AT_ONCE = 250
"""Packets between two sentinels: less than a cable's queue and a socket's buffer hold."""
PATIENCE = 5.0


def enter() -> None:
    """Leave for a namespace of its own; as root, or as anybody by a user namespace. One thread only.

    Refuses ``firewall.proof_impossible``.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            raise NO_NAMESPACE.refuse(reason=os.strerror(ctypes.get_errno()))
        with suppress(OSError):
            Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"0 {uid} 1")
        Path("/proc/self/gid_map").write_text(f"0 {gid} 1")
    _lay_cable()


def ask(questions: Sequence[Question]) -> list[bool]:
    """Whose packet comes through. Refuses ``firewall.proof_impossible`` when packets get lost on the way."""
    crafter, through = Crafter(), [False] * len(questions)
    sentinel = Question(SENTINEL, Protocol.UDP, 9)
    heard = listeners()
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as cable:
        cable.bind((OTHER_END, 0))
        for start in range(0, len(questions), AT_ONCE):
            for number, question in enumerate(questions[start : start + AT_ONCE], start):
                cable.send(crafter.frame(number, question))
            mark = len(questions) + start
            cable.send(crafter.frame(mark, sentinel))
            _listen(heard, through, mark)
    for _, _, listener in heard:
        listener.close()
    return through


def _listen(heard: list[tuple[int, Protocol, socket.socket]], through: list[bool], mark: int) -> None:
    deadline = time.monotonic() + PATIENCE
    arrived = False
    while not arrived:
        if time.monotonic() > deadline:
            raise NO_NAMESPACE.refuse(reason="packets got lost on the way")
        select.select([listener for _, _, listener in heard], [], [], 0.1)
        for version, protocol, listener in heard:
            for number in numbers_heard(version, protocol, listener):
                arrived = arrived or number == mark
                if number < len(through):
                    through[number] = True


def _lay_cable() -> None:
    commands = [
        "link set lo up",
        f"link add {NODE_END} address {NODE_MAC} type veth peer name {OTHER_END} address {OTHER_MAC}",
        f"addr add {NODE[4]}/32 dev {NODE_END}",
        f"addr add {NODE[6]}/128 dev {NODE_END} nodad",
        f"link set {OTHER_END} up",
        f"link set {NODE_END} up",
    ]
    done = subprocess.run([IP, "-batch", "-"], input="\n".join(commands), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NO_NAMESPACE.refuse(reason=done.stderr.strip())
    for place in ("all", "default", NODE_END):
        with suppress(OSError):
            Path(f"/proc/sys/net/ipv4/conf/{place}/rp_filter").write_text("0")
    _await_carrier()


def _await_carrier() -> None:
    deadline = time.monotonic() + PATIENCE
    while Path(f"/sys/class/net/{NODE_END}/operstate").exists() and time.monotonic() < deadline:
        if _is_up():
            return
        select.select([], [], [], 0.01)


def _is_up() -> bool:
    done = subprocess.run([IP, "-br", "link", "show", "dev", NODE_END], capture_output=True, text=True, check=False)
    return " UP " in done.stdout
