"""Virtual PBXs → rows of Asterisk's realtime database. Pure: the whole wanted state, whatever is there now.

Carriers: every trunk is an endpoint of its own, so that channels are named ``PJSIP/1_trunk14-…`` in both directions.
A call from a carrier's address that one trunk alone uses is that trunk's (``match``). Where several tenants share a
carrier's address, the number called tells the trunk (``match_request_uri``) and the endpoint's ``permit`` admits the
tenant's carriers alone. What this does not tell comes in by an endpoint without a tenant, and the dialplan finds the
tenant by the number called. Asterisk compares every stranger's packet with all identities, at a cost that grows with
their square (1,000: 50 ms); above ``MOST_IDENTITIES`` there is therefore one for all carriers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from asterisk_ext.domain.emergency import NEVER_OFF, dialled_forms
from asterisk_ext.domain.pbx import REALM, Extension, Mode, Pbx, Strategy, Trunk
from asterisk_ext.domain.route import expression
from dialplan.realtime_schema import (
    AORS,
    AUTHS,
    DIDS,
    ENDPOINTS,
    IDENTIFIES,
    NUMBERS,
    PBXS,
    ROUTES,
    TABLES,
    Row,
    Rows,
    Table,
)

PHONES_CONTEXT = "asterisk-ext-phones"
TRUNKS_CONTEXT = "asterisk-ext-trunks"
CARRIERS = "carriers"
MOST_IDENTITIES = 100
EMERGENCY_VARIABLE = "AST_EXT_EMERGENCY"


Placed = tuple[Table, Row]


def rows(tenants: Iterable[Pbx]) -> Rows:
    """Every row that Asterisk needs to serve ``tenants``; the records must have passed ``domain.pbx.check``."""
    served = list(tenants)
    return gathered([*identity_rows(served), *(placed for pbx in served for placed in tenant_rows(pbx))])


def gathered(placed: Iterable[Placed]) -> dict[str, dict[str, Row]]:
    """The rows by table and key."""
    wanted: dict[str, dict[str, Row]] = {table.name: {} for table in TABLES}
    for table, row in placed:
        wanted[table.name][row[0] or ""] = row
    return wanted


def tenant_rows(pbx: Pbx) -> list[Placed]:
    """The rows that depend on this tenant alone."""
    placed = [(PBXS, _pbx(pbx))]
    if pbx.mode is not Mode.MANAGED:
        return placed
    common = _tenant(pbx)
    for extension in pbx.extensions:
        placed += _phone(pbx, extension, common)
    for trunk in pbx.trunks:
        placed += _trunk(pbx, trunk, common)
    for group in pbx.ring_groups:
        kind = "in_order" if group.strategy is Strategy.IN_ORDER else "ring_group"
        placed.append((NUMBERS, _number(pbx, group.number, kind, _phones_of(pbx, group.number), group.timeout)))
    placed += [(ROUTES, row) for row in _routes(pbx)]
    placed += [(DIDS, DIDS.row(number=did.number, pbx=str(pbx.id), target=did.target)) for did in pbx.dids]
    return placed


def identity_rows(tenants: Iterable[Pbx]) -> Iterator[Placed]:
    """How Asterisk knows carriers, which depends on all tenants together."""
    managed = sorted((pbx for pbx in tenants if pbx.mode is Mode.MANAGED), key=lambda pbx: pbx.id)
    uses = Counter(address for pbx in managed for trunk in pbx.trunks for address in trunk.known_by)
    if not uses:
        return
    yield ENDPOINTS, _carriers()
    shared = {address for address, count in uses.items() if count > 1}
    exact = list(_exact_identities(managed, shared))
    rest = uses.keys() if len(exact) > MOST_IDENTITIES else shared
    if rest:
        yield IDENTIFIES, IDENTIFIES.row(id=CARRIERS, endpoint=CARRIERS, match=",".join(sorted(rest)))
    if len(exact) <= MOST_IDENTITIES:
        yield from ((IDENTIFIES, row) for row in exact)


def emergency(pbx: Pbx) -> str:
    """Trunks and numbers of emergency calls in one variable: ``1_trunk14/4831210114:.190>190.0190>190.``

    One, because ``res_config_sqlite3`` does not split several ``set_var`` of one column; with the endpoint, so that
    no lookup stands between a phone and 190. The three numbers that nobody may switch off are always in it.
    A phone's own caller ID follows after another colon.
    """
    forms = dialled_forms(dict.fromkeys((*NEVER_OFF, *pbx.emergency_numbers)), pbx.outside_prefixes)
    return f"{_trunk_list(pbx, pbx.emergency_trunks)}:{emergency_forms(forms)}"


def emergency_forms(forms: dict[str, str]) -> str:
    """``.190>190.0190>190.``: every way of dialling, and the bare number it stands for."""
    return "." + "".join(f"{dialled}>{bare}." for dialled, bare in sorted(forms.items()))


def _pbx(pbx: Pbx) -> Row:
    return PBXS.row(
        id=str(pbx.id),
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


def _phone(pbx: Pbx, extension: Extension, common: dict[str, str]) -> Iterator[tuple[Table, Row]]:
    account = pbx.account(extension.number)
    yield (
        ENDPOINTS,
        ENDPOINTS.row(
            id=account,
            context=PHONES_CONTEXT,
            aors=account,
            auth=account,
            allow=_codecs(extension.codecs),
            callerid=f'"{extension.name or extension.number}" <{extension.number}>',
            moh_suggest=pbx.music_class,
            identify_by="username,auth_username",
            webrtc="yes" if extension.webrtc else "no",
            trust_id_inbound="no",
            allow_subscribe="no",
            **_shown(common, extension),
            **_MEDIA,
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
            default_expiration="120",
            minimum_expiration="30",
            maximum_expiration="3600",
        ),
    )
    yield NUMBERS, _number(pbx, extension.number, "extension", [extension.number], 60)


def _shown(common: dict[str, str], extension: Extension) -> dict[str, str]:
    """With the extension's own caller ID, which every leg inherits so; as the phone's own options cannot."""
    if not extension.caller_id:
        return common
    return {**common, "set_var": f"{common['set_var']}:{extension.caller_id}"}


def _number(pbx: Pbx, number: str, kind: str, phones: list[str], timeout: int) -> Row:
    """``ring`` is ``1_200&1_201+``: a plus where several phones may be registered, which all ring."""
    several = {extension.number for extension in pbx.extensions if extension.contacts > 1}
    ring = "&".join(pbx.account(phone) + ("+" if phone in several else "") for phone in phones)
    return NUMBERS.row(id=pbx.account(number), kind=kind, ring=ring, timeout=str(timeout))


def _trunk(pbx: Pbx, trunk: Trunk, common: dict[str, str]) -> Iterator[tuple[Table, Row]]:
    name = f"{pbx.id}_{trunk.name}"
    # A carrier that we register with calls from anywhere, known by the secret word that its calls bring back.
    addresses = [] if trunk.register else sorted({address for item in pbx.trunks for address in item.known_by})
    yield (
        ENDPOINTS,
        ENDPOINTS.row(
            id=name,
            context=TRUNKS_CONTEXT,
            aors=name,
            outbound_auth=name if trunk.username else None,
            allow=_codecs(trunk.codecs),
            identify_by="ip",
            deny="0.0.0.0/0.0.0.0,::/0" if addresses else None,
            permit=",".join(addresses) or None,
            trust_id_inbound="yes",
            allow_subscribe="no",
            **common,
            **_MEDIA,
        ),
    )
    yield AORS, AORS.row(id=name, contact=carrier_uri(trunk), max_contacts="0", qualify_frequency="0")
    if trunk.username:
        # Without a realm: the carrier's own, whatever it is called.
        yield AUTHS, AUTHS.row(id=name, auth_type="userpass", username=trunk.username, password=trunk.secret)


def carrier_uri(trunk: Trunk, user: str = "") -> str:
    """The carrier's address as SIP has it: ``sip:user@198.18.20.1:5060;transport=tcp``."""
    host = f"[{trunk.host}]" if ":" in trunk.host else trunk.host
    transport = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
    return f"sip:{user}{'@' if user else ''}{host}:{trunk.port}{transport}"


def _exact_identities(managed: list[Pbx], shared: set[str]) -> Iterator[Row]:
    for pbx in managed:
        for trunk in pbx.trunks:
            alone = [address for address in trunk.known_by if address not in shared]
            if alone:
                name = f"{pbx.id}_{trunk.name}"
                yield IDENTIFIES.row(id=name, endpoint=name, match=",".join(alone))
        over = next((trunk for trunk in pbx.trunks if shared.intersection(trunk.known_by) and not trunk.register), None)
        if over and pbx.dids:
            name = f"{pbx.id}_{over.name}"
            numbers = "|".join(sorted(did.number for did in pbx.dids))
            uri = f"/^sips?:[+]?(55)?({numbers})@/"
            yield IDENTIFIES.row(id=f"{name}_numbers", endpoint=name, match_request_uri=uri)


def _carriers() -> Row:
    """Whoever calls from a carrier's address and is no trunk of one tenant: the number called tells the tenant."""
    return ENDPOINTS.row(
        id=CARRIERS,
        context=TRUNKS_CONTEXT,
        allow=_codecs(("alaw", "ulaw")),
        identify_by="ip",
        trust_id_inbound="yes",
        allow_subscribe="no",
        **_MEDIA,
    )


_MEDIA = {"direct_media": "no", "rtp_symmetric": "yes", "force_rport": "yes", "rewrite_contact": "yes"}
"""Media through Asterisk and answers to where requests came from: phones sit behind address translation."""


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


def _codecs(codecs: tuple[str, ...]) -> str:
    return ",".join(("!all", *codecs))


def _no_digest() -> str:
    """A digest that no password has: an extension without a secret cannot register."""
    return "0" * 32
