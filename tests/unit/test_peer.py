"""What another server answers, as this one tells it on."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from asterisk_ext.domain.access import FORBIDDEN
from asterisk_ext.domain.errors import Refusal
from asterisk_ext.domain.server import Server, Technology
from asterisk_ext.peer import HttpPeers
from asterisk_ext.peer.link import RefusedError

OTHER = Server(id=2, name="node2", technology=Technology.NODE, ip="198.18.1.2")


class Unwilling:
    """``PeerLink`` to a server that refuses for this reason."""

    def __init__(self, error_id: str) -> None:
        self._error_id = error_id

    async def ask(self, *_: object) -> bytes:
        raise RefusedError(403, msgspec.json.encode({"error_id": self._error_id}))


@pytest.mark.parametrize(
    ("reason", "told"), [(FORBIDDEN.error_id, "server.only_looks"), ("something.else", "server.silent")]
)
async def test_a_server_that_is_no_console_is_told_that_it_may_only_look(reason: str, told: str) -> None:
    link: Any = Unwilling(reason)
    peers = HttpPeers(link)
    for act in (peers.hang_up(OTHER, "1.1", "ana"), peers.lift(OTHER, "192.0.2.9", "ana")):
        with pytest.raises(Refusal) as refusal:
            await act
        assert refusal.value.error_id == told
