"""FastAGI sessions a second: ``python -m tests.bench.fastagi [--seconds 4]``.

The same exchange (a greeting of 25 lines, one command, its reply) against the gate and against a bare asyncio
server that answers without looking: the floor. Server and client are a process each; CPU is the server's own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
import statistics
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from typing import NamedTuple

import uvloop

from agi.gate import Gate
from agi.server import Server
from asterisk_ext.domain.gate import BlockedCall, GateFacts
from asterisk_ext.domain.pbx import Status
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
    async with Server({"gate": Gate(Passing(), Nobody(), time.time)}, "127.0.0.1", 0) as server:
        ready(server.port)
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
    (echo, echo_held), (gate, gate_held) = measure(serve_echo, seconds), measure(serve_gate, seconds)
    rows = [("who", "concurrent", "sessions/s", "of the echo", "ms CPU a session", "median ms", "p99 ms")]
    for who, found in (("bare asyncio echo", echo), ("gate", gate)):
        for concurrent, one in found.items():
            share = one.rate / echo[concurrent].rate
            figures = (f"{one.cpu:.3f}", f"{one.median:.1f}", f"{one.p99:.1f}")
            rows.append((who, str(concurrent), f"{one.rate:,.0f}", f"{share:.2f}", *figures))
    show("FastAGI sessions", rows)
    show("A held session", [("who", "KB"), ("bare asyncio echo", f"{echo_held:.1f}"), ("gate", f"{gate_held:.1f}")])


if __name__ == "__main__":
    main()
