"""Real etcd servers for tests and benches, one or a cluster, each a process of ours in a directory of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from aetcd import rpc
from aetcd.rpc import rpc_pb2_grpc as stubs

from tests.bench.peers import PLACE

PROGRAM = PLACE / "usr/bin/etcd"
START = 60.0
MEMORY = Path("/dev/shm")
"""Where data lie: a disk that others write to lets etcd wait for seconds, and no test cuts the power."""


@dataclass
class Cluster:
    """``arguments`` are those of each server, so that one can be killed and started again."""

    endpoints: list[str]
    arguments: list[list[str]]
    logs: list[Path]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    shown: grpc.ChannelCredentials | None = None
    """What the servers are shown when they are asked who leads; without it they speak plain text."""

    def start(self, number: int) -> None:
        with self.logs[number].open("ab") as log:
            process = subprocess.Popen(self.arguments[number], stdout=log, stderr=log)
        self.processes[number : number + 1] = [process]

    def kill(self, number: int) -> None:
        self.processes[number].kill()
        self.processes[number].wait()

    def freeze(self, number: int) -> None:
        """As a server behind a broken cable: its connections stay, and it says nothing."""
        os.kill(self.processes[number].pid, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        os.kill(self.processes[number].pid, signal.SIGCONT)

    def wipe(self) -> None:
        """Every record of every client goes; revisions go on."""
        with self._channel(0) as channel:
            stubs.KVStub(channel).DeleteRange(rpc.DeleteRangeRequest(key=b"\0", range_end=b"\0"), timeout=5)

    def compact(self) -> None:
        with self._channel(0) as channel:
            kv = stubs.KVStub(channel)
            now = kv.Range(rpc.RangeRequest(key=b"x"), timeout=5).header.revision
            kv.Compact(rpc.CompactionRequest(revision=now, physical=True), timeout=5)

    def leader(self) -> int:
        """The number of the server that leads; waits until one does."""
        until = time.monotonic() + START
        while time.monotonic() < until:
            for number in range(len(self.endpoints)):
                with contextlib.suppress(grpc.RpcError), self._channel(number) as channel:
                    status = stubs.MaintenanceStub(channel).Status(rpc.StatusRequest(), timeout=1)
                    if status.leader and status.leader == status.header.member_id:
                        return number
            time.sleep(0.05)
        raise TimeoutError("the cluster has no leader")

    def _channel(self, number: int) -> grpc.Channel:
        where = self.endpoints[number].partition("://")[2]
        return grpc.secure_channel(where, self.shown) if self.shown else grpc.insecure_channel(where)


@contextlib.contextmanager
def cluster(
    place: Path, size: int, extra: Sequence[str] = (), shown: grpc.ChannelCredentials | None = None
) -> Iterator[Cluster]:
    """``size`` servers on free ports of 127.0.0.1, ready; ended when the context ends, their data gone.

    With ``shown`` they speak TLS, by what ``extra`` tells them.
    """
    with tempfile.TemporaryDirectory(prefix="etcd-", dir=MEMORY) as data:
        made = _laid_out(place, Path(data), size, extra, "https" if shown else "http")
        made.shown = shown
        try:
            for number in range(size):
                made.start(number)
            made.leader()
            yield made
        finally:
            for process in made.processes:
                process.kill()
                process.wait()


def _laid_out(place: Path, data: Path, size: int, extra: Sequence[str], scheme: str) -> Cluster:
    ports = _free_ports(2 * size)
    clients = [f"{scheme}://127.0.0.1:{port}" for port in ports[:size]]
    peers = [f"{scheme}://127.0.0.1:{port}" for port in ports[size:]]
    members = ",".join(f"s{number}={peer}" for number, peer in enumerate(peers))
    arguments = [
        [
            *(str(PROGRAM), "--name", f"s{number}", "--data-dir", str(data / f"s{number}")),
            *("--listen-client-urls", clients[number], "--advertise-client-urls", clients[number]),
            *("--listen-peer-urls", peers[number], "--initial-advertise-peer-urls", peers[number]),
            *("--initial-cluster", members, "--initial-cluster-token", place.name, "--log-level", "error", *extra),
        ]
        for number in range(size)
    ]
    return Cluster(clients, arguments, [place / f"s{number}.log" for number in range(size)])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for item in sockets:
            item.bind(("127.0.0.1", 0))
        return [item.getsockname()[1] for item in sockets]
