"""Runs a test's body in a child process with a network of its own; the machine's own is never touched."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import gc
import os
import signal
import socket
import struct
import subprocess
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
SIOCSIFFLAGS, IFF_UP, IPV6_FREEBIND = 0x8914, 0x1, 78
PR_SET_PDEATHSIG = 1
ENDED = 77
SETTINGS = Path("/proc/sys/net/ipv6/conf")
Socket = socket.socket


class Closable(Protocol):
    def close(self) -> None: ...


NodeT = TypeVar("NodeT", bound=Closable)


def in_own_network(body: Callable[[], None]) -> None:
    """Fork, enter new network and mount namespaces with loopback up, run ``body``; its failure is the test's."""
    reader, writer = os.pipe()
    # What other tests left to be collected may wait for threads of theirs, which a forked process does not have; and
    # Python may look for garbage as soon as it has forked.
    gc.disable()
    # Ctrl-C ends the child at once: an exception could leave it somewhere among the parent's frames, for ever.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        end_with_parent()
        os.close(reader)
        failure = ""
        try:
            _enter()
            body()
        except BaseException:
            failure = traceback.format_exc()
        os.write(writer, failure.encode()[-60_000:])
        os._exit(ENDED)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    gc.enable()
    os.close(writer)
    with os.fdopen(reader) as pipe:
        failure = pipe.read()
    _, status = os.waitpid(child, 0)
    if failure:
        raise AssertionError(failure)
    # A C library that calls exit() would otherwise pass for a body that ended well.
    assert os.waitstatus_to_exitcode(status) == ENDED


def bodies_on(make: Callable[[], NodeT]) -> Callable[[Callable[[NodeT], None]], None]:
    """What runs a test's body on a node that ``make`` makes, in a network of the test's own."""

    def run(body: Callable[[NodeT], None]) -> None:
        def inside() -> None:
            with contextlib.closing(make()) as node:
                body(node)

        in_own_network(inside)

    return run


def end_with_parent() -> None:
    """For a process just forked: whatever ends its parent ends it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Outside:
    """Another network at the end of a cable: 198.18.0.0/15 and 2001:db8::/32 without the node's own addresses.

    The node is 198.18.0.1 and fd77::1. Sockets made by ``socket`` are out there and may have any of the addresses.
    """

    NODE4, NODE6 = "198.18.0.1", "fd77::1"

    def __init__(self) -> None:
        ready, go = os.pipe()
        self._holder = os.fork()
        if self._holder == 0:
            end_with_parent()
            _enter()
            os.write(go, b"x")
            # Another program has none of the parent's pipes, for whose end somebody may wait, nor threads of libraries
            # that start again after a fork and die without their descriptors.
            try:
                os.execvp("sleep", ["sleep", "infinity"])  # noqa: S606 - no value from outside
            finally:
                os._exit(1)
        os.read(ready, 1)
        os.close(ready)
        os.close(go)
        self._out = os.open(f"/proc/{self._holder}/ns/net", os.O_RDONLY)
        self._home = os.open("/proc/self/ns/net", os.O_RDONLY)
        _ip(f"link add node0 type veth peer name out0 netns {self._holder}")
        for command in (f"addr add {self.NODE4}/15 dev node0", f"addr add {self.NODE6}/64 dev node0 nodad"):
            _ip(command)
        _ip("link set node0 up")
        for command in (
            "addr add 198.18.0.2/15 dev out0",
            "addr add fd77::2/64 dev out0 nodad",
            "link set out0 up",
            "route add local 198.19.0.0/16 dev lo",
            "-6 route add local 2001:db8::/32 dev lo",
        ):
            self.run("ip", *command.split())
        _ip("-6 route add 2001:db8::/32 via fd77::2")
        self._await_ipv6()

    def _await_ipv6(self) -> None:
        """Neighbours are found only once both ends have their carrier."""
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as here, self.socket("2001:db8::1") as there:
            here.bind((self.NODE6, 9))
            here.settimeout(0.05)
            for _ in range(200):
                there.sendto(b"ready?", (self.NODE6, 9))
                with contextlib.suppress(TimeoutError):
                    here.recv(10)
                    return
        raise AssertionError("IPv6 does not work in this network namespace")

    def run(self, *command: str) -> None:
        subprocess.run(["nsenter", f"--net=/proc/{self._holder}/ns/net", *command], check=True)

    def told(self, *command: str) -> str:
        """What a command out there prints."""
        line = ["nsenter", f"--net=/proc/{self._holder}/ns/net", *command]
        return subprocess.run(line, check=True, capture_output=True, text=True).stdout

    def forger(self) -> Socket:
        """A raw socket out there: whole IP packets, whoever their sender is said to be."""
        return self._out_there(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW))

    def socket(self, source: str, kind: socket.SocketKind = socket.SOCK_DGRAM) -> Socket:
        """A socket out there, bound to that source address."""
        family = socket.AF_INET6 if ":" in source else socket.AF_INET

        def make() -> Socket:
            made = socket.socket(family, kind)
            if family is socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
            made.bind((source, 0))
            return made

        return self._out_there(make)

    def _out_there(self, make: Callable[[], Socket]) -> Socket:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.setns(self._out, CLONE_NEWNET)
        try:
            return make()
        finally:
            libc.setns(self._home, CLONE_NEWNET)

    def close(self) -> None:
        os.kill(self._holder, signal.SIGKILL)
        os.waitpid(self._holder, 0)
        os.close(self._out)
        os.close(self._home)


def add_address(address: str) -> None:
    """Give loopback another IPv4 address."""
    _ip(f"addr add {address}/32 dev lo")


def _ip(command: str) -> None:
    subprocess.run(["ip", *command.split()], check=True)


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET | CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare")
    with contextlib.suppress(OSError):
        # IPv6 would look for two seconds whether anybody else on a cable has its address: nobody has.
        (SETTINGS / "default/accept_dad").write_text("0")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control.fileno(), SIOCSIFFLAGS, struct.pack("16sH14x", b"lo", IFF_UP))
