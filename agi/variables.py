"""Every channel variable that the AGI scripts and the dialplan share."""

from __future__ import annotations

VERDICT = "AST_EXT_VERDICT"
"""``pass``, the name of an audio, or ``end``; set as the last thing of the decision, before anything plays."""

END = "end"
"""The call ends without an announcement: too many are playing."""

ABSOLUTE_TIMEOUT = "TIMEOUT(absolute)"
"""Asterisk's function: seconds until the channel leaves what it does for the extension T."""

ANNOUNCING = "GROUP(asterisk_ext_announcement)"
"""Asterisk's function: the virtual PBX of a channel that hears an announcement, by which the dialplan counts them."""

PLAYBACK_STATUS = "PLAYBACKSTATUS"
"""Set by Playback: SUCCESS or FAILED."""
