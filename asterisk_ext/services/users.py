"""Who may enter: users with passwords for the console, tokens for the API."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
from dataclasses import dataclass, replace

from asterisk_ext.domain.access import PEER, ROOT, Act, Actor, Role, require
from asterisk_ext.domain.errors import Problem
from asterisk_ext.ports import Fleet, Registry
from asterisk_ext.services.audit import Audit
from asterisk_ext.services.records import TOKENS, USERS, decode, encode

REFUSED = Problem(
    "login.refused",
    401,
    "The name or the password is not right.",
    "Try again; an administrator can set a new password.",
)
TOKEN_REFUSED = Problem(
    "token.refused", 401, "The token is not known here.", "Ask an administrator for a token: asterisk-ext token add."
)
SHORT_PASSWORD = Problem(
    "user.short_password", 422, "The user was not saved: the password has under 10 characters.", "Choose a longer one."
)

_COST = {"n": 2**14, "r": 8, "p": 1, "maxmem": 64 * 1024 * 1024}


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    name: str
    role: Role
    salt: str
    scrypt: str
    """Hexadecimal; RFC 7914 with N=16384, r=8, p=1."""
    language: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    name: str
    role: Role
    pbx: int | None = None


def hashed(password: str, salt: bytes) -> str:
    """The stored form of a password. Takes some 30 ms of one core: call it outside the event loop."""
    return hashlib.scrypt(password.encode(), salt=salt, **_COST).hex()


class Users:
    def __init__(self, registry: Registry, fleet: Fleet, audit: Audit) -> None:
        self._registry = registry
        self._fleet = fleet
        self._audit = audit

    async def log_in(self, name: str, password: str) -> Actor:
        """The actor behind a name and password; a stranger costs the same time as a wrong password."""
        item = self._fleet.item(USERS + name)
        user = decode(item.value, User) if item else User(name=name, role=Role.VIEWER, salt="00" * 16, scrypt="")
        given = await asyncio.to_thread(hashed, password, bytes.fromhex(user.salt))
        if not hmac.compare_digest(given, user.scrypt):
            raise REFUSED.refuse(field="password")
        return Actor(user.name, user.role)

    def known(self, name: str) -> Actor | None:
        """The actor of a session: its role is looked up again, so that a removed user is out at once."""
        item = self._fleet.item(USERS + name)
        return Actor(name, decode(item.value, User).role) if item else None

    def behind(self, name: str) -> Actor:
        """Whom another node asks for, with the rights that this node's own copy knows: a user, a token, its root; the
        least of them where several bear the name, and a node's own where nobody does."""
        tokens = (decode(item.value, Token) for item in self._fleet.items(TOKENS))
        roles = [token.role for token in tokens if token.name == name and token.pbx is None]
        user = self.known(name)
        roles += [user.role] if user else []
        roles += [ROOT.role] if name == ROOT.name else []
        return replace(PEER, name=name or PEER.name, role=min(roles, default=PEER.role))

    async def save(self, actor: Actor, name: str, password: str, role: Role) -> None:
        require(actor, Act.MANAGE_USERS)
        if len(password) < 10:
            raise SHORT_PASSWORD.refuse(field="password")
        salt = secrets.token_bytes(16)
        user = User(name=name, role=role, salt=salt.hex(), scrypt=await asyncio.to_thread(hashed, password, salt))
        item = self._fleet.item(USERS + name)
        if item is None:
            await self._registry.create(USERS + name, encode(user))
        else:
            await self._registry.compare_and_set(USERS + name, encode(user), item.revision)
        await self._fleet.reached(await self._audit.note(actor, Act.MANAGE_USERS, name, role=role.word))

    async def issue_token(self, actor: Actor, name: str, role: Role, pbx: int | None = None) -> str:
        """A new token for the API; it is shown once, only its hash is kept."""
        require(actor, Act.MANAGE_USERS)
        text = secrets.token_urlsafe(32)
        await self._registry.create(_token_key(text), encode(Token(name=name, role=role, pbx=pbx)))
        revision = await self._audit.note(actor, Act.MANAGE_USERS, name, role=role.word, pbx=pbx or "")
        await self._fleet.reached(revision)
        return text

    def by_token(self, text: str) -> Actor:
        """The actor behind a token."""
        item = self._fleet.item(_token_key(text))
        if item is None:
            raise TOKEN_REFUSED.refuse()
        token = decode(item.value, Token)
        return Actor(token.name, token.role, token.pbx)


def _token_key(text: str) -> str:
    return TOKENS + hashlib.sha256(text.encode()).hexdigest()
