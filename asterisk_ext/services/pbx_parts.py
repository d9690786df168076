"""Adding, changing and removing one extension, trunk, ring group, DID or route of a virtual PBX."""

from __future__ import annotations

from dataclasses import replace

from asterisk_ext.domain.access import Act, Actor, require
from asterisk_ext.domain.pbx import Extension, Trunk
from asterisk_ext.domain.pbx_parts import SHAPES, Kind, Part, part, parts, with_part, without_part
from asterisk_ext.ports import CONFLICT, Fleet
from asterisk_ext.services.records import tenant_key
from asterisk_ext.services.tenant_file import digested, with_password
from asterisk_ext.services.virtual_pbx import VirtualPbxs


class PbxParts:
    def __init__(self, fleet: Fleet, virtual_pbxs: VirtualPbxs) -> None:
        self._fleet = fleet
        self._virtual_pbxs = virtual_pbxs

    def one(self, actor: Actor, pbx: int, kind: Kind, key: str) -> Part:
        require(actor, Act.SEE_PBX, pbx)
        return part(self._fleet.tenant(pbx), kind, key)

    async def put(
        self, actor: Actor, pbx: int, kind: Kind, key: str, new: Part, revision: int | None = None
    ) -> dict[str, str]:
        """Change the part named ``key``, or add one; returns a password that was made up, by account.

        What has a password keeps it where none is handed in, an extension only as long as its number stays: a digest
        is bound to the account's name. With ``revision`` refused where the record is no longer at it.
        """
        require(actor, Act.CHANGE_PBX)
        record = self._fleet.tenant(pbx)
        known = self._known(pbx, revision)
        there = {getattr(item, SHAPES[kind].key): item for item in parts(record, kind)}
        made: dict[str, str] = {}
        before = there.get(key)
        if isinstance(new, Extension):
            stored = before.digest if isinstance(before, Extension) and before.number == new.number else ""
            new = digested(replace(new, digest=""), record.account(new.number), stored, made)
        elif isinstance(new, Trunk):
            new = with_password(new, before if isinstance(before, Trunk) else None)
        saved = await self._virtual_pbxs.save(actor, with_part(record, kind, key, new), known)
        return made if saved else {}

    async def remove(self, actor: Actor, pbx: int, kind: Kind, key: str, revision: int | None = None) -> None:
        """Refused while something else of the virtual PBX leads to it."""
        require(actor, Act.CHANGE_PBX)
        record = self._fleet.tenant(pbx)
        await self._virtual_pbxs.save(actor, without_part(record, kind, key), self._known(pbx, revision))

    def _known(self, pbx: int, revision: int | None) -> int:
        """The revision that is changed; what is changed is the record that this node knows, and no other."""
        known = self._virtual_pbxs.revision(pbx)
        if revision not in (None, known):
            raise CONFLICT.refuse(key=tenant_key(pbx))
        return known
