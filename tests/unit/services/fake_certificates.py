"""What certificates servers show."""

from __future__ import annotations

from asterisk_ext.domain.server import Server


class FakeCertificates:
    """Servers that are not in ``names`` speak no TLS."""

    def __init__(self) -> None:
        self.names: dict[str, tuple[str, ...] | None] = {}

    async def __call__(self, server: Server) -> tuple[str, ...] | None:
        return self.names.get(server.name, ())
