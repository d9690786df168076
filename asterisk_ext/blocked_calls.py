"""Calls that met the gate and did not pass, as the node service's log tells them: without anybody's number."""

from __future__ import annotations

import logging

from asterisk_ext.domain.gate import BlockedCall

log = logging.getLogger(__name__)


class LoggedBlockedCalls:
    """``agi.gate.BlockedCalls``."""

    def note(self, call: BlockedCall) -> None:
        log.info(
            "blocked: virtual PBX %d, %s, %s, %.1f s heard",
            call.pbx,
            call.direction.value,
            call.audio.value,
            call.heard,
        )
