"""Users of the console and tokens of the API."""

from __future__ import annotations

import msgspec

from admin_http.api.route import Route
from admin_http.api.servers import WRITES
from admin_http.services import Services
from asterisk_ext.domain.access import Act, Actor, Role
from asterisk_ext.domain.errors import Problem
from asterisk_ext.services.users import SHORT_PASSWORD

UNKNOWN_ROLE = Problem(
    "user.unknown_role",
    422,
    "{role} is not a role; nothing was saved.",
    "Give viewer, support, operator or administrator.",
)


class NewUser(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    password: str
    role: str
    """viewer, support, operator or administrator."""


class UserRow(msgspec.Struct, kw_only=True):
    name: str
    role: str


class NewToken(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    name: str
    role: str = "viewer"
    pbx: int | None = None
    """The one virtual PBX that the token sees; null for the fleet."""


class Token(msgspec.Struct, kw_only=True):
    """The only time that the token is shown."""

    token: str


def role_of(word: str) -> Role:
    try:
        return Role[word.upper()]
    except KeyError:
        raise UNKNOWN_ROLE.refuse(field="role", role=word) from None


async def save(services: Services, actor: Actor, body: NewUser) -> UserRow:
    role = role_of(body.role)
    await services.users.save(actor, body.name, body.password, role)
    return UserRow(name=body.name, role=role.word)


async def issue(services: Services, actor: Actor, body: NewToken) -> Token:
    return Token(token=await services.users.issue_token(actor, body.name, role_of(body.role), body.pbx))


ROUTES = (
    Route(
        method="POST",
        path="/users",
        handle=save,
        summary="Create a user, or give a new password and role",
        act=Act.MANAGE_USERS,
        problems=(UNKNOWN_ROLE, SHORT_PASSWORD, *WRITES),
    ),
    Route(
        method="POST",
        path="/tokens",
        handle=issue,
        summary="Issue a token for the API",
        act=Act.MANAGE_USERS,
        status=201,
        problems=(UNKNOWN_ROLE, *WRITES),
    ),
)
