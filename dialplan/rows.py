"""Virtual PBXs → rows of Asterisk's realtime database. Pure: the whole wanted state, whatever is there now."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from asterisk_ext.domain.audio import Kind, Stems
from asterisk_ext.domain.emergency import NEVER_OFF, dialled_forms
from asterisk_ext.domain.pbx import REALM, Extension, Mode, Pbx, Strategy
from asterisk_ext.domain.route import expression
from asterisk_ext.domain.ways import Way, way_of
from dialplan.audio.sound_folder import directory
from dialplan.carriers import MEDIA, Placed, allowed, identity_rows, preference, trunk_rows
from dialplan.realtime_schema import (
    AORS,
    AUTHS,
    DIDS,
    ENDPOINTS,
    MUSIC,
    NUMBERS,
    PBXS,
    ROUTES,
    TABLES,
    WAYS,
    Row,
    Rows,
    Table,
)

PHONES_CONTEXT = "asterisk-ext-phones"
EMERGENCY_VARIABLE = "AST_EXT_EMERGENCY"
NODES = "asterisk-ext-nodes"
"""The endpoint, the transport and the context of calls between the fleet's servers."""


NO_AUDIOS: Stems = {}


class Facts(NamedTuple):
    """All that the rows of one virtual PBX are reckoned from."""

    pbx: Pbx
    audios: Stems = NO_AUDIOS
    hurried: bool = False
    """Its phones register for a minute at most, so that they follow soon."""


def rows(tenants: Iterable[Pbx]) -> Rows:
    """Every row that Asterisk needs to serve ``tenants``; the records must have passed ``domain.pbx.check``."""
    served = list(tenants)
    return gathered([*identity_rows(served), *(placed for pbx in served for placed in tenant_rows(Facts(pbx)))])


def gathered(placed: Iterable[Placed]) -> dict[str, dict[str, Row]]:
    """The rows by table and key."""
    wanted: dict[str, dict[str, Row]] = {table.name: {} for table in TABLES}
    for table, row in placed:
        wanted[table.name][row[0] or ""] = row
    return wanted


def tenant_rows(facts: Facts, sounds: str = "") -> list[Placed]:
    """The rows that depend on this tenant alone; ``sounds`` is where Asterisk finds audios."""
    pbx, audios = facts.pbx, facts.audios
    placed = [(PBXS, _pbx(pbx, audios))]
    music = audios.get(Kind.MUSIC, ())[:1] if pbx.music_class == "default" else ()
    for stem in music:
        placed.append((MUSIC, MUSIC.row(name=music_class(pbx), mode="files", directory=directory(sounds, stem))))
    if pbx.mode is not Mode.MANAGED:
        return placed
    common = _tenant(pbx)
    several = {extension.number for extension in pbx.extensions if extension.contacts > 1}
    for extension in pbx.extensions:
        placed += _phone(pbx, extension, common, music_class(pbx) if music else pbx.music_class, facts.hurried)
        placed.append((NUMBERS, _number(pbx, extension.number, "extension", [extension.number], 60, several)))
    for trunk in pbx.trunks:
        placed += trunk_rows(pbx, trunk, common)
    for group in pbx.ring_groups:
        kind = "in_order" if group.strategy is Strategy.IN_ORDER else "ring_group"
        phones = _phones_of(pbx, group.number)
        placed.append((NUMBERS, _number(pbx, group.number, kind, phones, group.timeout, several)))
    placed += [(ROUTES, row) for row in _routes(pbx)]
    placed += [(DIDS, DIDS.row(number=did.number, pbx=str(pbx.id), target=did.target)) for did in pbx.dids]
    return placed


def way_rows(ways: Mapping[str, Way]) -> Iterator[Placed]:
    """Where calls are handed to, and where else phones are rung; ``!`` stands for a phone's account."""
    for key, way in ways.items():
        legs = (f"PJSIP/{NODES}/sip:r!@{address};transport=tls" for address in way.also)
        yield WAYS, WAYS.row(id=key, serves=way.serves, also="&".join(legs))


def emergency(pbx: Pbx) -> str:
    """Trunks and numbers of emergency calls in one variable: ``1_trunk14/4831210114:.190>190.0190>190.``

    One, because ``res_config_sqlite3`` does not split several ``set_var`` of one column; with the endpoint, so that
    no lookup stands between a phone and 190. The three numbers that nobody may switch off are always in it.
    A phone's own caller ID follows after another colon.
    """
    return f"{_trunk_list(pbx, pbx.emergency_trunks)}:{_forms(pbx.emergency_numbers, pbx.outside_prefixes)}"


@lru_cache(1024)
def _forms(numbers: tuple[str, ...], prefixes: tuple[str, ...]) -> str:
    """Nearly all virtual PBXs have the same: reckoned once."""
    return emergency_forms(dialled_forms(dict.fromkeys((*NEVER_OFF, *numbers)), prefixes))


def emergency_forms(forms: dict[str, str]) -> str:
    """``.190>190.0190>190.``: every way of dialling, and the bare number it stands for."""
    return "." + "".join(f"{dialled}>{bare}." for dialled, bare in sorted(forms.items()))


def music_class(pbx: Pbx) -> str:
    """Asterisk's name of the class that plays the tenant's music from the library."""
    return f"asterisk-ext-{pbx.id}"


def _pbx(pbx: Pbx, audios: Stems) -> Row:
    return PBXS.row(
        partial_block="-".join(audios.get(Kind.PARTIAL, ())) or None,
        total_block="-".join(audios.get(Kind.TOTAL, ())) or None,
        neutral="-".join(audios.get(Kind.NEUTRAL, ())) or None,
        id=str(pbx.id),
        way=way_of(pbx),
        status=pbx.status.value,
        language=pbx.language,
        max_calls=str(pbx.max_calls),
        prefixes="." + "".join(f"{prefix}." for prefix in sorted(pbx.outside_prefixes)),
        trunks="" if pbx.routes else _trunk_list(pbx, tuple(trunk.name for trunk in pbx.trunks)),
    )


def _routes(pbx: Pbx) -> Iterator[Row]:
    """In order, as ``1_1``, ``1_2``…; the dialplan stops at the first number that is not there."""
    for at, route in enumerate(pbx.routes, start=1):
        yield ROUTES.row(
            id=f"{pbx.id}_{at}",
            pattern=expression(route.pattern),
            trunks=_trunk_list(pbx, route.trunks),
            strip=str(route.strip),
            prepend=route.prepend,
            caller=route.caller_id,
        )


def _phone(
    pbx: Pbx, extension: Extension, common: dict[str, str], music: str, hurried: bool
) -> Iterator[tuple[Table, Row]]:
    account = pbx.account(extension.number)
    yield (
        ENDPOINTS,
        ENDPOINTS.row(
            id=account,
            context=PHONES_CONTEXT,
            aors=account,
            auth=account,
            allow=allowed(extension.codecs),
            codec_prefs_incoming_offer=preference(extension.codecs),
            callerid=f'"{extension.name or extension.number}" <{extension.number}>',
            moh_suggest=music,
            identify_by="username,auth_username",
            webrtc="yes" if extension.webrtc else "no",
            media_encryption="dtls" if extension.webrtc else "no",
            trust_id_inbound="no",
            allow_subscribe="no",
            **_shown(common, extension),
            **MEDIA,
        ),
    )
    yield (
        AUTHS,
        AUTHS.row(
            id=account, auth_type="md5", username=account, realm=REALM, md5_cred=extension.digest or _no_digest()
        ),
    )
    yield (
        AORS,
        AORS.row(
            id=account,
            max_contacts=str(extension.contacts),
            remove_existing="yes",
            qualify_frequency="0",
            default_expiration="60" if hurried else "120",
            minimum_expiration="30",
            maximum_expiration="60" if hurried else "3600",
        ),
    )


def _shown(common: dict[str, str], extension: Extension) -> dict[str, str]:
    """With the extension's own caller ID, which every leg inherits so; as the phone's own options cannot."""
    if not extension.caller_id:
        return common
    return {**common, "set_var": f"{common['set_var']}:{extension.caller_id}"}


def _number(pbx: Pbx, number: str, kind: str, phones: list[str], timeout: int, several: Collection[str]) -> Row:
    """``ring`` is ``1_200&1_201+``: a plus for those of which ``several`` phones may be registered, which all ring."""
    ring = "&".join(pbx.account(phone) + ("+" if phone in several else "") for phone in phones)
    return NUMBERS.row(id=pbx.account(number), kind=kind, ring=ring, timeout=str(timeout))


def _tenant(pbx: Pbx) -> dict[str, str]:
    """The options that carry the tenant with every call; two underscores let each leg inherit a variable."""
    return {
        "tenantid": str(pbx.id),
        "accountcode": str(pbx.id),
        "language": pbx.language,
        "set_var": f"__{EMERGENCY_VARIABLE}={emergency(pbx)}",
    }


def _trunk_list(pbx: Pbx, names: tuple[str, ...]) -> str:
    """``1_trunk14/4831210114&1_trunk15/``: trunks in order, each with the caller ID it shows."""
    callers = {trunk.name: trunk.caller_id for trunk in pbx.trunks}
    return "&".join(f"{pbx.id}_{name}/{callers.get(name, '')}" for name in names)


def _phones_of(pbx: Pbx, group: str) -> list[str]:
    """The extensions that ring for ``group``, groups within groups followed once."""
    groups = {item.number: item.members for item in pbx.ring_groups}
    phones: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [group]
    while waiting:
        number = waiting.pop(0)
        if number in groups and number not in seen:
            seen.add(number)
            waiting += groups[number]
        elif number not in groups:
            phones[number] = None
    return list(phones)


def _no_digest() -> str:
    """A digest that no password has: an extension without a secret cannot register."""
    return "0" * 32
