"""The tables of Asterisk's realtime database and the families of ``extconfig.conf`` that lead to them.

Column names of the ``ps_`` tables are option names of ``pjsip.conf`` (Asterisk 20 and later); the others are this
product's own, read by the static dialplan with ``REALTIME_FIELD``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

DATABASE = "asterisk_ext"
"""Name of the database in ``res_config_sqlite3.conf``."""

VERSION = 6
"""Kept in ``user_version`` of the file: another number means another schema, and the file is built anew.

Its ``application_id`` is the number of endpoints that it was given: what has been emptied by another hand is known so.
"""

Row = tuple[str | None, ...]
Rows = Mapping[str, Mapping[str, Row]]
"""Table → first column → row. None leaves an option at Asterisk's default."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table; its first column is the key, and every column holds text."""

    name: str
    family: str
    columns: tuple[str, ...]
    _blank: dict[str, str | None] = field(init=False, repr=False, compare=False)
    _pick: itemgetter[Any] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_blank", dict.fromkeys(self.columns))
        object.__setattr__(self, "_pick", itemgetter(*self.columns))

    def row(self, **values: str | None) -> Row:
        """A row by column name; raises KeyError for a column the table does not have."""
        whole = self._blank | values
        if len(whole) != len(self.columns):
            raise KeyError(f"{self.name} has no column {', '.join(sorted(values.keys() - set(self.columns)))}")
        row: Row = self._pick(whole)
        return row


ENDPOINTS = Table(
    "ps_endpoints",
    "ps_endpoints",
    (
        "id", "context", "tenantid", "accountcode", "aors", "auth", "outbound_auth", "set_var", "allow", "callerid",
        "language", "moh_suggest", "identify_by", "deny", "permit", "direct_media", "rtp_symmetric", "force_rport",
        "rewrite_contact", "webrtc", "trust_id_inbound", "allow_subscribe", "from_user", "codec_prefs_incoming_offer",
        "media_encryption",
    ),
)  # fmt: skip
"""Every endpoint says how its media is encrypted: where Asterisk reads many at once it takes NULL for an empty text,
which is no such way, and has none of them; phones are unavailable to queues then."""
AUTHS = Table("ps_auths", "ps_auths", ("id", "auth_type", "username", "realm", "md5_cred", "password"))
AORS = Table(
    "ps_aors",
    "ps_aors",
    (
        "id", "contact", "max_contacts", "remove_existing", "qualify_frequency",
        "default_expiration", "minimum_expiration", "maximum_expiration",
    ),
)  # fmt: skip
IDENTIFIES = Table("ps_endpoint_id_ips", "ps_endpoint_id_ips", ("id", "endpoint", "match", "match_request_uri"))
PBXS = Table(
    "pbx",
    "asterisk_ext_pbx",
    ("id", "way", "status", "language", "max_calls", "prefixes", "trunks", "partial_block", "total_block", "neutral"),
)
NUMBERS = Table("number", "asterisk_ext_number", ("id", "kind", "ring", "timeout"))
ROUTES = Table("route", "asterisk_ext_route", ("id", "pattern", "trunks", "strip", "prepend", "caller"))
DIDS = Table("did", "asterisk_ext_did", ("number", "pbx", "target"))
WAYS = Table("way", "asterisk_ext_way", ("id", "serves", "also"))
"""Of virtual PBXs that are served elsewhere, or whose phones may be; nothing where both are here."""
MUSIC = Table("musiconhold", "musiconhold", ("name", "mode", "directory"))

TABLES = (ENDPOINTS, AUTHS, AORS, IDENTIFIES, PBXS, NUMBERS, DIDS, ROUTES, WAYS, MUSIC)


def statements() -> list[str]:
    """What makes an empty database."""
    created = [
        f'CREATE TABLE "{table.name}" ('
        + ", ".join(
            f'"{column}" TEXT' + (" PRIMARY KEY NOT NULL" if not n else "") for n, column in enumerate(table.columns)
        )
        + ") WITHOUT ROWID"
        for table in TABLES
    ]
    return [*created, f"PRAGMA user_version = {VERSION}"]
