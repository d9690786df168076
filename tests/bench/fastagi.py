"""FastAGI sessions a second: ``python -m tests.bench.fastagi [--seconds 4]``.

The same exchange (a greeting of 25 lines, one command, its reply) against the gate and against a bare asyncio
server that answers without looking: the floor; and against pyst2. Server and client are a process each; CPU is the
server's own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import io
import multiprocessing
import os
import resource
import socketserver
import statistics
import threading
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple, cast

import uvloop
from asterisk import agi as pyst2

from agi.gate import Gate
from agi.server import Server
from asterisk_ext.cli.node import YOUNG
from asterisk_ext.domain.gate import BlockedCall, GateFacts
from asterisk_ext.domain.pbx import Status
from asterisk_ext.garbage import search_seldom
from tests.bench.table import show

GREETING = (
    b"agi_network: yes\nagi_network_script: gate\nagi_request: agi://127.0.0.1:4573/gate\n"
    b"agi_channel: PJSIP/2_200-00000011\nagi_language: pt_BR\nagi_type: PJSIP\nagi_uniqueid: 1795414927.17\n"
    b"agi_version: 22.10.1\nagi_callerid: 200\nagi_calleridname: Balcao\nagi_callingpres: 0\nagi_callingani2: 0\n"
    b"agi_callington: 0\nagi_callingtns: 0\nagi_dnid: 0999998888\nagi_rdnis: unknown\nagi_context: asterisk-ext-gate\n"
    b"agi_extension: s\nagi_priority: 20\nagi_enhanced: 0.0\nagi_accountcode: 2\nagi_threadid: 139\n"
    b"agi_arg_1: 2\nagi_arg_2: outbound\nagi_arg_3: 0999998888\n\n"
)
COMMANDS = 1
"""Of the gate for a call that passes: its verdict."""


CONCURRENT = (50, 500)
HELD = 900


class Measured(NamedTuple):
    """Sessions a second; milliseconds."""

    rate: float
    cpu: float
    median: float
    p99: float


SILENT = Path(os.devnull).open("w")  # noqa: SIM115 - for as long as the process lives


class Passing:
    def gate_facts(self, pbx: int) -> GateFacts:
        return GateFacts(status=Status.ACTIVE, emergency_forms=frozenset(), announcements={})


class Nobody:
    def note(self, call: BlockedCall) -> None:
        raise AssertionError("every call passes")


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\n\n")
    for _ in range(COMMANDS):
        writer.write(b'SET VARIABLE "AST_EXT_VERDICT" "pass"\n')
        await reader.readline()
    writer.close()


async def serve_echo(ready: Callable[[int], None]) -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0, backlog=1000)
    ready(server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


async def serve_gate(ready: Callable[[int], None]) -> None:
    search_seldom(YOUNG)  # as the node service runs
    async with Server({"gate": Gate(Passing(), Nobody(), time.time)}, "127.0.0.1", 0) as server:
        ready(server.port)
        await asyncio.Event().wait()


class Peer(socketserver.StreamRequestHandler):
    """pyst2's own class, one thread a session, as its users write it for FastAGI."""

    def handle(self) -> None:
        out = io.TextIOWrapper(io.BufferedWriter(cast(io.RawIOBase, self.wfile)), write_through=True)
        with out, contextlib.suppress(ConnectionError, ValueError):
            session = pyst2.AGI(stdin=self.rfile, stdout=out, stderr=SILENT)
            session.set_variable("AST_EXT_VERDICT", "pass")


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 1000


async def serve_peer(ready: Callable[[int], None]) -> None:
    # It wants SIGHUP's handler for itself in each thread, which only a process of one thread may give it.
    pyst2.signal.signal = lambda *_: None
    server = Threads(("127.0.0.1", 0), Peer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    ready(server.server_address[1])
    await asyncio.Event().wait()


def serve(kind: Callable[[Callable[[int], None]], Awaitable[None]], pipe: Connection) -> None:
    async def run() -> None:
        task = asyncio.ensure_future(kind(pipe.send))

        def tell() -> None:
            pipe.recv()
            pipe.send(usage())

        asyncio.get_running_loop().add_reader(pipe.fileno(), tell)
        await task

    uvloop.run(run())


def usage() -> tuple[float, int]:
    """CPU seconds and peak kilobytes of this process."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, used.ru_maxrss


async def session(port: int) -> float:
    """One session as Asterisk holds it; returns its seconds."""
    begun = time.perf_counter()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(GREETING)
    while await reader.readline():
        writer.write(b"200 result=1\n")
    writer.close()
    return time.perf_counter() - begun


async def load(port: int, concurrent: int, seconds: float) -> list[float]:
    until = time.perf_counter() + seconds
    times: list[float] = []

    async def one() -> None:
        while time.perf_counter() < until:
            times.append(await session(port))

    await asyncio.gather(*(one() for _ in range(concurrent)))
    return times


async def hold(port: int, count: int) -> list[asyncio.StreamWriter]:
    """Sessions that were greeted but whose first command is not answered."""
    writers = []
    for _ in range(count):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GREETING)
        await reader.readline()
        writers.append(writer)
    return writers


def measure(
    kind: Callable[[Callable[[int], None]], Awaitable[None]], seconds: float
) -> tuple[dict[int, Measured], float]:
    """For each number of concurrent sessions; and the memory of a held one in KB."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(kind, there), daemon=True)
    process.start()
    port = here.recv()

    def server_usage() -> tuple[float, int]:
        here.send(None)
        found: tuple[float, int] = here.recv()
        return found

    measured = {}
    for concurrent in CONCURRENT:
        before, _ = server_usage()
        times = uvloop.run(load(port, concurrent, seconds))
        cpu = (server_usage()[0] - before) / len(times)
        p99 = statistics.quantiles(times, n=100)[98]
        measured[concurrent] = Measured(len(times) / seconds, cpu * 1000, statistics.median(times) * 1000, p99 * 1000)

    async def memory() -> float:
        before = server_usage()[1]
        writers = await hold(port, HELD)
        grown = server_usage()[1] - before
        for writer in writers:
            writer.close()
        return grown / HELD

    held = uvloop.run(memory())
    process.terminate()
    process.join()
    return measured, held


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--seconds", type=float, default=4.0)
    seconds = options.parse_args().seconds
    kinds = {"bare asyncio echo": serve_echo, "gate": serve_gate, "pyst2 in threads": serve_peer}
    found = {who: measure(kind, seconds) for who, kind in kinds.items()}
    echo, peer = found["bare asyncio echo"][0], found["pyst2 in threads"][0]
    rows: list[tuple[str, ...]] = [
        ("who", "concurrent", "sessions/s", "of the echo", "of pyst2", "ms CPU a session", "median ms", "p99 ms")
    ]
    for who, (measured, _) in found.items():
        for concurrent, one in measured.items():
            shares = (f"{one.rate / other[concurrent].rate:.2f}" for other in (echo, peer))
            figures = (f"{one.cpu:.3f}", f"{one.median:.1f}", f"{one.p99:.1f}")
            rows.append((who, str(concurrent), f"{one.rate:,.0f}", *shares, *figures))
    show("FastAGI sessions", rows)
    show("A held session", [("who", "KB"), *((who, f"{held:.1f}") for who, (_, held) in found.items())])


if __name__ == "__main__":
    main()
