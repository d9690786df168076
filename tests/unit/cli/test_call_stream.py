from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from aiohttp import web

from asterisk_ext.cli.call_stream import Table, follow
from asterisk_ext.domain.access import ROOT
from asterisk_ext.domain.call_events import Created
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.services.live_calls import LiveCalls
from tests.unit.domain.channels import AT, channel
from tests.unit.services.live_calls_world import FakeAudit, FakeChannels, FakeTenants

EVENTS: list[dict[str, object]] = [
    {"calls": [], "sure": False},
    {"call": 0},
    {"call": 1},
    {"linkedid": "100"},
]


@pytest.fixture
async def socket(tmp_path: Path) -> AsyncIterator[str]:
    """A node service that streams two calls, one of which ends."""
    calls = LiveCalls("node1", FakeChannels(), FakeTenants(), FakeAudit())
    for phone in ("200", "100"):
        calls.apply(Created(channel(phone), AT), 0)
    rows = calls.table(ROOT).calls

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in EVENTS:
            data = {"call": rows[number]} if isinstance(number := event.get("call"), int) else event
            await response.write(b": still here\n\nevent: any\ndata: " + msgspec.json.encode(data) + b"\n\n")
        return response

    app = web.Application()
    app.router.add_get("/api/v1/calls/stream", stream)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.UnixSite(runner, str(tmp_path / "admin.sock")).start()
    yield str(tmp_path / "admin.sock")
    await runner.cleanup()


async def test_the_stream_of_differences_makes_the_nodes_table(socket: str) -> None:
    table, changed = Table(), asyncio.Event()
    await follow(socket, table, changed)
    assert changed.is_set()
    assert [row["linkedid"] for row in table.rows()] == ["200"]
    assert not table.sure


async def test_where_no_node_service_runs_watching_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refusal) as refusal:
        await follow(str(tmp_path / "nobody"), Table(), asyncio.Event())
    assert refusal.value.error_id == "node.not_running"
