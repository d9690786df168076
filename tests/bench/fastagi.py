"""FastAGI sessions a second: ``python -m tests.bench.fastagi [SECONDS]``.

The same exchange (a greeting of 25 lines, one command, its reply) against the gate and against a bare asyncio
server that answers without looking: the floor. Server and client are a process each; CPU is the server's own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection

import uvloop

from agi.gate import Gate
from agi.server import Server
from asterisk_ext.domain.gate import BlockedCall, GateFacts
from asterisk_ext.domain.pbx import Status

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


def measure(name: str, kind: Callable[[Callable[[int], None]], Awaitable[None]], seconds: float) -> None:
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(target=serve, args=(kind, there), daemon=True)
    process.start()
    port = here.recv()

    def server_usage() -> tuple[float, int]:
        here.send(None)
        found: tuple[float, int] = here.recv()
        return found

    for concurrent in (50, 500):
        before, _ = server_usage()
        times = uvloop.run(load(port, concurrent, seconds))
        cpu = (server_usage()[0] - before) / len(times)
        print(
            f"{name} {concurrent:>4} concurrent: {len(times) / seconds:7.0f} sessions/s, "
            f"{cpu * 1000:.3f} ms CPU a session, median {statistics.median(times) * 1000:.1f} ms, "
            f"p99 {statistics.quantiles(times, n=100)[98] * 1000:.1f} ms"
        )

    async def memory() -> None:
        before = server_usage()[1]
        writers = await hold(port, 900)
        print(f"{name}: {(server_usage()[1] - before) / 900:.1f} KB a held session")
        for writer in writers:
            writer.close()

    uvloop.run(memory())
    process.terminate()
    process.join()


if __name__ == "__main__":
    length = float(sys.argv[1]) if len(sys.argv) > 1 else 4.0
    measure("echo", serve_echo, length)
    measure("gate", serve_gate, length)
