"""A DATABASE server's node service starts and reports without Asterisk, without its files, and before the guard."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

from asterisk_ext import config
from asterisk_ext.cli.client import ask
from asterisk_ext.runtime import running


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def test_a_server_without_asterisk_starts_is_in_the_table_and_shows_it(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    nowhere = str(tmp_path / "nowhere")
    whole = config.Config(
        node=config.Node(name="db1", state=str(tmp_path / "state"), run=str(tmp_path / "run")),
        guard=config.Guard(socket=str(tmp_path / "guard.sock")),
        countries=config.Countries(sources=(), schedule=""),
        admin_http=config.AdminHttp(port=free_port()),
        fleet=config.Fleet(host="127.0.0.1", port=free_port()),
        fastagi=config.FastAgi(port=free_port()),
        asterisk=config.Asterisk(
            here=False,
            realtime=f"{nowhere}/realtime.sqlite3",
            program=f"{nowhere}/asterisk",
            files=nowhere,
            sounds=f"{nowhere}/sounds",
            registrations=f"{nowhere}/registrations.conf",
            missed_calls=f"{nowhere}/missed",
            ari_secret_file=f"{nowhere}/ari.secret",
            ari_acting_secret_file=f"{nowhere}/ari-act.secret",
        ),
    )
    door = str(tmp_path / "run/admin.sock")
    record = {"id": 1, "name": "db1", "technology": "DATABASE", "ip": "127.0.0.1"}
    async with running(whole):
        await asyncio.to_thread(ask, door, "POST", "servers", record)
        async with asyncio.timeout(60):
            while (await asyncio.to_thread(ask, door, "GET", "servers"))[0]["state"] != "active":  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await asyncio.to_thread(ask, door, "GET", "calls") == []
        with socket.socket() as gate:
            assert gate.connect_ex(("127.0.0.1", whole.fastagi.port)) != 0
    assert "nowhere" not in await asyncio.to_thread(os.listdir, tmp_path)
