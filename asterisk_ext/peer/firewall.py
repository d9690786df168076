"""``services.firewall_elsewhere.Elsewhere`` over the mutual TLS between the nodes."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import quote, urlencode

import aiohttp
import msgspec

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.firewall import Explanation
from asterisk_ext.domain.firewall_trial import Pending, Question
from asterisk_ext.domain.server import Server
from asterisk_ext.peer.link import PeerLink, RefusedError, decoded
from asterisk_ext.ports import SILENT
from asterisk_ext.services.firewall_elsewhere import UNSURE, Order
from asterisk_ext.services.firewall_plan import View
from asterisk_ext.services.firewall_table import Table

LOOKING = aiohttp.ClientTimeout(total=3)
PROVING = aiohttp.ClientTimeout(total=75, connect=2)
"""A proof ends within a minute."""
CHANGING = aiohttp.ClientTimeout(total=30, connect=2)


class _Told(msgspec.Struct):
    now: Explanation
    draft: Explanation


class PeerFirewalls:
    def __init__(self, link: PeerLink) -> None:
        self._link = link

    async def table(self, server: Server, by: str) -> Table:
        return decoded(server, await self._ask(server, "GET", "", by), Table)

    async def plan(self, server: Server, by: str, session: Sequence[Question], revision: int) -> View:
        body = {"session": list(session), "revision": revision}
        return decoded(server, await self._ask(server, "POST", "/plan", by, body, PROVING), View)

    async def apply(self, server: Server, by: str, order: Order) -> Pending:
        return decoded(server, await self._ask(server, "POST", "/apply", by, order, CHANGING, UNSURE), Pending)

    async def confirm(self, server: Server, by: str, digest: str) -> None:
        await self._ask(server, "POST", "/confirm", by, {"digest": digest}, CHANGING, UNSURE)

    async def roll_back(self, server: Server, by: str) -> None:
        await self._ask(server, "POST", "/rollback", by, {}, CHANGING, UNSURE)

    async def explain(
        self, server: Server, by: str, question: Question, revision: int
    ) -> tuple[Explanation, Explanation]:
        asked = {"address": question.address, "protocol": question.protocol.value, "port": question.port}
        path = f"/explain?{urlencode(asked | {'revision': revision})}"
        told = decoded(server, await self._ask(server, "GET", path, by), _Told)
        return told.now, told.draft

    async def _ask(
        self,
        server: Server,
        method: str,
        path: str,
        by: str,
        body: object = None,
        patience: aiohttp.ClientTimeout = LOOKING,
        lost: Problem = SILENT,
    ) -> bytes:
        """``lost`` is refused where the question may have been heard and no answer came."""
        whole = f"servers/{quote(server.name, safe='')}/firewall{path}"
        try:
            return await self._link.ask(server, method, whole, by, body, patience)
        except RefusedError as refused:
            raise refused.refusal or SILENT.refuse(server=server.name) from refused
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise lost.refuse(server=server.name) from error
