"""Who may write what in the etcd cluster: a user for each node by the name in its certificate, and its role's ranges.

What ``domain.node_rights`` says for the embedded engine, in etcd's own terms (etcd.io, "Role-based access control"): it
knows ranges of keys only, so a node could rewrite its own lines of the journal, and a console could admit a node that
the fleet's authority has signed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

import grpc
from aetcd.rpc import auth_pb2, rpc_pb2

from asterisk_ext.domain.node_rights import AUDIT, CERTIFICATES, EVIDENCE, FIREWALL, KEEPERS, NOBODYS
from asterisk_ext.registry.etcd_keys import BEATS, BLOBS, ITEMS, ROOT, end_of
from asterisk_ext.registry.etcd_link import Link

ROLE = "asterisk-ext:"
"""Begins the names of our roles; other users and roles of the cluster are not touched."""
CONSOLE = f"{ROLE}console"
ADMINISTRATOR = "root"
"""etcd's own role, and the user that must have it before rights count at all."""
READ, WRITE = auth_pb2.Permission.READ, auth_pb2.Permission.WRITE
Range = tuple[str, str]
"""The first key, and the first one after the last; empty for a single key."""


def ranges_of_node(node: str) -> list[Range]:
    """What every node may write."""
    places = [f"{ITEMS}{EVIDENCE}{node}/", f"{ITEMS}{AUDIT}{node}/"]
    single = [f"{ITEMS}{place}{node}" for place in FIREWALL]
    return [*((place, end_of(place)) for place in places), *((key, "") for key in (*single, f"{BEATS}{node}"))]


def ranges_of_consoles() -> list[Range]:
    """All records but those in which nobody speaks for another, and those of the registry itself."""
    found, start = [], ITEMS
    for place in (f"{ITEMS}{kept}" for kept in sorted({*NOBODYS, *KEEPERS} - {CERTIFICATES})):
        found.append((start, place))
        start = end_of(place)
    return [*found, (start, end_of(ITEMS)), (BLOBS, end_of(BLOBS))]


class Users:
    def __init__(self, link: Link) -> None:
        self._link = link
        self._users: set[str] = set()
        self._roles: set[str] = set()
        """Of the whole cluster, as they were found."""

    async def keep(self, keeper: str, nodes: Iterable[str], consoles: Collection[str]) -> None:
        """Make our users exactly ``nodes``, with the rights of consoles where they are, and have rights count.

        ``keeper`` administers the cluster. Doing it again repairs what was left half done; raises gRPC's error.
        """
        self._users = set((await self._ask("UserList", rpc_pb2.AuthUserListRequest())).users)
        self._roles = set((await self._ask("RoleList", rpc_pb2.AuthRoleListRequest())).roles)
        await self._begin(keeper)
        wanted = {node: {f"{ROLE}node:{node}"} | ({CONSOLE} if node in consoles else set()) for node in nodes}
        wanted.pop(keeper, None)
        for name in self._users - {*wanted, keeper}:
            await self._shut_out(name)
        await self._role(CONSOLE, ranges_of_consoles())
        for node, roles in wanted.items():
            await self._role(f"{ROLE}node:{node}", ranges_of_node(node))
            await self._user(node, roles)

    async def _shut_out(self, name: str) -> None:
        if any(role.startswith(ROLE) for role in await self._held(name)):
            await self._ask("UserDelete", rpc_pb2.AuthUserDeleteRequest(name=name))
            await self._ask("RoleDelete", rpc_pb2.AuthRoleDeleteRequest(role=f"{ROLE}node:{name}"))

    async def _begin(self, keeper: str) -> None:
        if ADMINISTRATOR not in self._roles:
            await self._ask("RoleAdd", rpc_pb2.AuthRoleAddRequest(name=ADMINISTRATOR))
        for name in (ADMINISTRATOR, keeper):
            await self._user(name, {ADMINISTRATOR})
        await self._ask("AuthEnable", rpc_pb2.AuthEnableRequest())

    async def _user(self, name: str, roles: Collection[str]) -> None:
        if name not in self._users:
            options = auth_pb2.UserAddOptions(no_password=True)
            await self._ask("UserAdd", rpc_pb2.AuthUserAddRequest(name=name, options=options))
        held = await self._held(name)
        for role in set(roles) - held:
            await self._ask("UserGrantRole", rpc_pb2.AuthUserGrantRoleRequest(user=name, role=role))
        for role in held - set(roles):
            await self._ask("UserRevokeRole", rpc_pb2.AuthUserRevokeRoleRequest(name=name, role=role))

    async def _held(self, name: str) -> set[str]:
        return set((await self._ask("UserGet", rpc_pb2.AuthUserGetRequest(name=name))).roles)

    async def _role(self, name: str, writes: Iterable[Range]) -> None:
        if name not in self._roles:
            await self._ask("RoleAdd", rpc_pb2.AuthRoleAddRequest(name=name))
        held = [
            (permission.key, permission.range_end, permission.permType)
            for permission in (await self._ask("RoleGet", rpc_pb2.AuthRoleGetRequest(role=name))).perm
        ]
        wanted = [(ROOT, end_of(ROOT), READ), *((first, end, WRITE) for first, end in writes)]
        encoded = [(first.encode(), end.encode(), kind) for first, end, kind in wanted]
        for first, end, kind in encoded:
            if (first, end, kind) not in held:
                permission = auth_pb2.Permission(permType=kind, key=first, range_end=end)
                await self._ask(
                    "RoleGrantPermission", rpc_pb2.AuthRoleGrantPermissionRequest(name=name, perm=permission)
                )
        for first, end, kind in held:
            if (first, end, kind) not in encoded:
                request = rpc_pb2.AuthRoleRevokePermissionRequest(role=name, key=first, range_end=end)
                await self._ask("RoleRevokePermission", request)

    async def _ask(self, what: str, request: Any) -> Any:
        try:
            return await getattr(self._link.auth(), what)(request, timeout=self._link.patience)
        except grpc.aio.AioRpcError:
            self._link.move_on()
            raise
