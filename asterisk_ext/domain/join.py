"""Joining the fleet: what a join token says, and whether one that is shown may be used."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from dataclasses import asdict, dataclass

from asterisk_ext.domain.errors import Problem

VALID_FOR = 3600.0
"""Seconds in which a token can be used."""

UNREADABLE = Problem(
    "join.unreadable",
    422,
    "This is no join token; nothing was changed.",
    "Copy the whole token that the console or `asterisk-ext server add` showed.",
)
REFUSED = Problem(
    "join.refused",
    403,
    "The join token of {server} was used already, is too old, or was replaced by another.",
    "Ask for another: `asterisk-ext server token {server}` on a server of the fleet.",
)
OTHER_NAME = Problem(
    "join.other_name",
    409,
    "The token is {server}'s and this machine's settings call it {name}; nothing was changed.",
    "Set `node.name` to the name of the record, or ask for the token of {name}.",
)
STRANGER = Problem(
    "join.other_authority",
    502,
    "What answers at {url} is not the authority that the token names; nothing was sent to it.",
    "Look at who answers at that address, and ask for another token.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What a new machine is told: whose record it is, whom to ask, how to know the authority, and a secret."""

    server: str
    url: str
    keeper: str
    """Name of the server that answers at ``url``."""
    fingerprint: str
    """SHA-256 of the authority's certificate, in hexadecimal."""
    secret: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """What the registry keeps of a token: it cannot be made from this."""

    digest: str
    until: float
    id: int
    """Of the server's record: another record of the same name is not meant."""


def written(token: Token) -> str:
    """One line, to be handed over by standard input."""
    return base64.urlsafe_b64encode(json.dumps(asdict(token)).encode()).decode().rstrip("=")


def read(text: str) -> Token:
    """Refuses ``join.unreadable``."""
    try:
        plain = text.strip().encode("ascii")
        values = json.loads(base64.urlsafe_b64decode(plain + b"=" * (-len(plain) % 4)))
        token = Token(**{name: str(value) for name, value in values.items()})
    except (ValueError, TypeError, AttributeError, binascii.Error):
        raise UNREADABLE.refuse() from None
    if not token.url.startswith("https://"):
        raise UNREADABLE.refuse()
    return token


def digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def fits(issued: Issued, secret: str, id: int, now: float) -> bool:
    return hmac.compare_digest(issued.digest, digest(secret)) and issued.id == id and now < issued.until
