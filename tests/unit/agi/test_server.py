"""The FastAGI server on a real loopback connection."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress

import pytest

from agi import server as agi_server
from agi.server import Script, Server, Session

HELLO = b"agi_network_script: gate\nagi_arg_1: 2\n\n"


async def asterisk(server: Server, *, hello: bytes = HELLO, answer: Callable[[bytes], bytes] | None = None) -> bytes:
    """Connects as Asterisk does, answers each command with ``answer`` and returns all that was asked."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(hello)
    asked = b""
    # Who has not read all that came resets the connection when it ends it.
    with suppress(ConnectionResetError):
        while line := await reader.readline():
            asked += line
            writer.write(answer(line) if answer else b"200 result=1\n")
        writer.close()
        await writer.wait_closed()
    return asked


async def says_pass(session: Session) -> None:
    await session.set_variable("AST_EXT_VERDICT", "pass")


def serving(script: Script = says_pass, limit: int = 10) -> Server:
    return Server({"gate": script}, "127.0.0.1", 0, limit)


async def test_a_session_is_asked_and_closed() -> None:
    async with serving() as server:
        assert await asterisk(server) == b'SET VARIABLE "AST_EXT_VERDICT" "pass"\n'


async def test_a_script_that_is_not_there_ends_the_session(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        assert await asterisk(server, hello=b"agi_network_script: other\n\n") == b""
    assert "not there" in caplog.text


async def test_garbage_ends_its_own_session_only(caplog: pytest.LogCaptureFixture) -> None:
    async with serving() as server:
        assert await asterisk(server, hello=b"GET / HTTP/1.1\r\n\r\n") == b""
        assert await asterisk(server) != b""
    assert "GET" not in caplog.text, "a stranger's words must not reach the log"


async def test_silence_has_an_end(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(agi_server, "HELLO_TIMEOUT", 0.01)
    async with serving() as server:
        assert await asterisk(server, hello=b"agi_network_script: gate\n") == b""
    assert "ended early" in caplog.text


async def test_a_hangup_ends_the_script_quietly(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with serving() as server:
        await asterisk(server, answer=lambda line: b"HANGUP\n")
    assert caplog.text == ""


async def test_a_script_that_fails_harms_no_other_session(caplog: pytest.LogCaptureFixture) -> None:
    async def fails(session: Session) -> None:
        if session.environment.argument(1) == "2":
            raise KeyError("tenant")
        await says_pass(session)

    async with serving(fails) as server:
        assert await asterisk(server) == b""
        assert await asterisk(server, hello=HELLO.replace(b"2", b"1")) != b""
    assert "an AGI session failed" in caplog.text


async def test_above_the_limit_a_connection_is_closed_at_once() -> None:
    waiting = asyncio.Event()

    async def waits(session: Session) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with serving(waits, limit=1) as server:
        first = asyncio.create_task(asterisk(server))
        await waiting.wait()
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        assert await reader.read() == b""
        writer.close()
    await first


async def test_closing_the_server_ends_its_sessions() -> None:
    waiting = asyncio.Event()

    async def waits(session: Session) -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with serving(waits) as server:
        talking = asyncio.create_task(asterisk(server))
        await waiting.wait()
    assert await talking == b""
