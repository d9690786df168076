"""Registered phones, as ARI tells them."""

from __future__ import annotations

import aiohttp

from ari_apps.client import Ari


class AriPhoneBook:
    """``ports.PhoneBook``; keeps the last known number while Asterisk does not answer."""

    def __init__(self, ari: Ari) -> None:
        self._ari = ari
        self._last = 0

    async def registered(self) -> int:
        try:
            self._last = sum(endpoint.state == "online" for endpoint in await self._ari.endpoints())
        except (aiohttp.ClientError, TimeoutError, OSError):
            return self._last
        return self._last
