"""What nodes of one fleet present to each other."""

from __future__ import annotations

import hmac
from collections.abc import Callable


def is_fleet_secret(secret: str) -> Callable[[str], bool]:
    """Whether a bearer token is the fleet's secret; with an empty secret nothing is."""

    def judge(token: str) -> bool:
        return bool(secret) and hmac.compare_digest(token.encode(), secret.encode())

    return judge
