"""The gate alone, as a process that tests can kill: ``agi_process PORT TENANTS SOUNDS``; notes go to stdout as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import msgspec

from agi.gate import Gate
from agi.server import Server
from asterisk_ext.domain.audio import Kind, Library, Recording
from asterisk_ext.domain.emergency import dialled_forms
from asterisk_ext.domain.gate import BlockedCall, GateFacts, Policy
from asterisk_ext.domain.pbx import Pbx
from dialplan.audio.announcements import Announcements


class Tenants:
    """Reads the file anew for each call, so that a test changes a status by writing it."""

    def __init__(self, path: Path, sounds: str) -> None:
        self._path = path
        self._sounds = sounds

    def _choices(self, kind: Kind, pbx: Pbx) -> Sequence[Recording]:
        audios = self._path.with_name("library.json")
        library = msgspec.json.decode(audios.read_bytes(), type=Library) if audios.exists() else Library()
        return library.choices(kind, pbx.id, pbx.language)

    def gate_facts(self, pbx: int) -> GateFacts | None:
        for tenant in msgspec.json.decode(self._path.read_bytes(), type=list[Pbx]):
            if tenant.id == pbx:
                return GateFacts(
                    status=tenant.status,
                    emergency_forms=frozenset(dialled_forms(tenant.emergency_numbers, tenant.outside_prefixes)),
                    announcements=Announcements(self._sounds, self._choices)(tenant),
                )
        return None


class Printed:
    def note(self, call: BlockedCall) -> None:
        print(json.dumps(asdict(call)), flush=True)


async def main(port: int, tenants: Path, sounds: str) -> None:
    policy = msgspec.json.decode(tenants.with_name("policy.json").read_bytes(), type=Policy)
    async with Server({"gate": Gate(Tenants(tenants, sounds), Printed(), time.time, policy)}, "127.0.0.1", port):
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]))
