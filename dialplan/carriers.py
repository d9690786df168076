"""Trunks, and how Asterisk knows whose call a carrier brings, as rows of its realtime database. Pure.

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
from itertools import islice

from asterisk_ext.domain.pbx import Mode, Pbx, Trunk
from dialplan.realtime_schema import AORS, AUTHS, ENDPOINTS, IDENTIFIES, Row, Table

TRUNKS_CONTEXT = "asterisk-ext-trunks"
CARRIERS = "carriers"
MOST_IDENTITIES = 100

MEDIA = {"direct_media": "no", "rtp_symmetric": "yes", "force_rport": "yes", "rewrite_contact": "yes"}
"""Media through Asterisk and answers to where requests came from: phones sit behind address translation."""

Placed = tuple[Table, Row]


def trunk_rows(pbx: Pbx, trunk: Trunk, common: dict[str, str]) -> Iterator[tuple[Table, Row]]:
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
            allow=allowed(trunk.codecs),
            codec_prefs_incoming_offer=preference(trunk.codecs),
            identify_by="ip",
            media_encryption="sdes" if trunk.srtp else "no",
            deny="0.0.0.0/0.0.0.0,::/0" if addresses else None,
            permit=",".join(addresses) or None,
            trust_id_inbound="yes",
            allow_subscribe="no",
            **common,
            **MEDIA,
        ),
    )
    # Nobody registers as a carrier, but Asterisk complains of each empty one at each look.
    yield (
        AORS,
        AORS.row(
            id=name,
            contact=carrier_uri(trunk),
            max_contacts="0",
            qualify_frequency="0",
            default_expiration="3600",
            minimum_expiration="60",
            maximum_expiration="7200",
        ),
    )
    if trunk.username:
        # Without a realm: the carrier's own, whatever it is called.
        yield AUTHS, AUTHS.row(id=name, auth_type="userpass", username=trunk.username, password=trunk.secret)


def carrier_uri(trunk: Trunk, user: str = "") -> str:
    """The carrier's address as SIP has it: ``sip:user@198.18.20.1:5060;transport=tcp``."""
    host = f"[{trunk.host}]" if ":" in trunk.host else trunk.host
    transport = "" if trunk.transport == "udp" else f";transport={trunk.transport}"
    return f"sip:{user}{'@' if user else ''}{host}:{trunk.port}{transport}"


def identity_rows(tenants: Iterable[Pbx]) -> Iterator[Placed]:
    """How Asterisk knows carriers, which depends on all tenants together."""
    managed = sorted((pbx for pbx in tenants if pbx.mode is Mode.MANAGED), key=lambda pbx: pbx.id)
    uses = Counter(address for pbx in managed for trunk in pbx.trunks for address in trunk.known_by)
    if not uses:
        return
    yield ENDPOINTS, _carriers()
    shared = {address for address, count in uses.items() if count > 1}
    exact = list(islice(_exact_identities(managed, shared), MOST_IDENTITIES + 1))
    rest = uses.keys() if len(exact) > MOST_IDENTITIES else shared
    if rest:
        yield IDENTIFIES, IDENTIFIES.row(id=CARRIERS, endpoint=CARRIERS, match=",".join(sorted(rest)))
    if len(exact) <= MOST_IDENTITIES:
        yield from ((IDENTIFIES, row) for row in exact)


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
        allow=allowed(("alaw", "ulaw")),
        identify_by="ip",
        media_encryption="no",
        trust_id_inbound="yes",
        allow_subscribe="no",
        **MEDIA,
    )


def allowed(codecs: tuple[str, ...]) -> str:
    return ",".join(("!all", *codecs))


def preference(codecs: tuple[str, ...]) -> str | None:
    """G.729 is the one codec that no audio is kept in: where it is allowed, the record's order decides, not the
    caller's, so that a codec with audios may stand before it.
    """
    return "prefer: configured, operation: intersect, keep: all, transcode: allow" if "g729" in codecs else None
