"""A console over a small fleet, and clients that are somebody."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiohttp.web import Application, Request
from yarl import URL

from admin_http.app import build
from asterisk_ext.tasks import Tasks
from tests.unit.admin_http.world import PASSWORD, World

Client = TestClient[Request, Application]


class Visitor:
    """A browser: keeps its cookies, sends an Origin, and finds the proof of its session in a page."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.csrf = ""

    @property
    def origin(self) -> str:
        return str(URL(self.client.make_url("/")).origin())

    async def log_in(self, name: str) -> Visitor:
        async with self.client.post(
            "/login", data={"name": name, "password": PASSWORD}, headers={"Origin": self.origin}
        ) as response:
            self.csrf = proof(await response.text())
        return self

    async def read(self, path: str, **headers: str) -> str:
        async with self.client.get(path, headers=headers) as response:
            return await response.text()

    async def act(self, path: str, **fields: str) -> tuple[int, str]:
        """Post a form as a page does; the status and the page that it ends at."""
        data = {"csrf": self.csrf, **fields}
        async with self.client.post(path, data=data, headers={"Origin": self.origin}) as response:
            return response.status, await response.text()


def proof(page: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    return found[1] if found else ""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path / "copy.sqlite")
    async with Tasks() as tasks:
        tasks.start("copy", made.fleet.follow(made.registry))
        tasks.start("country lists", made.countries.run())
        await made.fill()
        yield made
    made.fleet.close()


@pytest.fixture
async def client(world: World) -> AsyncIterator[Client]:
    async with TestClient(TestServer(build(world.services))) as made:
        yield made


@pytest.fixture
def visit(client: Client) -> Callable[[str], Awaitable[Visitor]]:
    """Log in as the user of a role."""

    async def log_in(role: str) -> Visitor:
        client.session.cookie_jar.clear()
        return await Visitor(client).log_in(role)

    return log_in


@pytest.fixture
def token(world: World) -> Callable[..., Awaitable[dict[str, str]]]:
    """Headers with a token of a role, for the fleet or for one virtual PBX."""

    async def issue(role: str, pbx: int | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {await world.token(role, pbx)}"}

    return issue
