"""What two virtual PBXs can not both have: a number that is called from outside, and a domain."""

from __future__ import annotations

from collections.abc import Iterable

from asterisk_ext.domain.errors import Problem
from asterisk_ext.domain.pbx import Pbx

DID_TAKEN = Problem(
    "pbx.did_taken",
    409,
    "The virtual PBX {pbx} was not saved: the DID {value!r} belongs to the virtual PBX {other}.",
    "Remove it there first, or correct the number.",
)
DOMAIN_TAKEN = Problem(
    "pbx.domain_taken",
    409,
    "The virtual PBX {pbx} was not saved: the domain {value!r} is that of the virtual PBX {other}.",
    "Give it a domain of its own.",
)
TWICE = Problem(
    "pbx.id_twice",
    422,
    "Nothing was imported: the virtual PBX {pbx} is in the file twice.",
    "Remove one of the two.",
)


class Claims:
    """Who has which number and domain, once ``coming`` have taken the place of what is ``kept``."""

    def __init__(self, kept: Iterable[Pbx], coming: Iterable[Pbx]) -> None:
        self._numbers: dict[str, list[int]] = {}
        self._domains: dict[str, list[int]] = {}
        changed = {pbx.id: pbx for pbx in coming}
        for pbx in ({pbx.id: pbx for pbx in kept} | changed).values():
            self._domains.setdefault(pbx.domain, []).append(pbx.id)
            for did in pbx.dids:
                self._numbers.setdefault(national(did.number), []).append(pbx.id)

    def check(self, pbx: Pbx) -> None:
        """Refuse what another virtual PBX has."""
        for other in self._domains[pbx.domain]:
            if other != pbx.id:
                raise DOMAIN_TAKEN.refuse(field="domain", pbx=pbx.id, value=pbx.domain, other=other)
        for at, did in enumerate(pbx.dids):
            for other in self._numbers[national(did.number)]:
                if other != pbx.id:
                    raise DID_TAKEN.refuse(field=f"dids[{at}].number", pbx=pbx.id, value=did.number, other=other)


def national(number: str) -> str:
    """The number without the country's 55, as the dialplan looks for it too."""
    return number[2:] if number.startswith("55") and len(number) >= 12 else number
