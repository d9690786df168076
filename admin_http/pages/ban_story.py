"""What is told of a ban or of a spared address: what happened, in words and figures (pure).

Accounts are text that the sender chose; the page escapes them like everything else, and here they are only shortened.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from admin_http.i18n import N_, Words
from asterisk_ext.domain.pbx import Pbx
from asterisk_ext.domain.security_event import FAILED, PROVEN, UNKNOWN
from asterisk_ext.ports.guard import Attempt

SERVICES = {"PJSIP": "SIP"}
LONGEST_ACCOUNT = 40
EVENTS = {
    "InvalidAccountID": N_("account that does not exist"),
    "ChallengeSent": N_("account that does not exist"),
    "FailedACL": N_("address that the account does not allow"),
    "ChallengeResponseFailed": N_("wrong password"),
    "InvalidPassword": N_("wrong password"),
}
SPARED = {
    "slowed": N_("Slowed down, not blocked: anybody can write this address on a UDP packet"),
    "own_account": N_("Old password in a phone"),
    "suspended": N_("Not blocked: many customers failed at once, so the fault is likely ours"),
    "never_ban": N_("On the never-block list"),
    "fleet": N_("A server or carrier of the fleet"),
    "emergency_call": N_("Not blocked: an emergency call is up"),
}


@dataclass(frozen=True, slots=True)
class Phone:
    """Whose phone an account is: the virtual PBX and the extension in it."""

    pbx: int
    tenant: str
    extension: str


@dataclass(frozen=True, slots=True)
class Story:
    """``what`` in few words, ``how`` with figures."""

    what: str
    how: str


def story(attempts: Sequence[Attempt], words: Words) -> Story | None:
    """None where no attempt is known."""
    if not attempts:
        return None
    seconds = attempts[-1].at - attempts[0].at
    count = len(attempts)
    times = words.plural("{count} attempt in {time}", "{count} attempts in {time}", count, time=words.duration(seconds))
    ways = sorted({f"{SERVICES.get(attempt.service, attempt.service)} {attempt.transport}" for attempt in attempts})
    accounts = accounts_of(attempts)
    named = words.text("account {account}", account=shortened(accounts[0])) if len(accounts) == 1 else ""
    return Story(_what(attempts, len(accounts), words), " · ".join(filter(None, (times, ", ".join(ways), named))))


def heading(attempts: Sequence[Attempt], words: Words) -> str:
    """Over the list of attempts."""
    seconds = words.duration(attempts[-1].at - attempts[0].at)
    return words.plural("{count} failure in {time}", "{count} failures in {time}", len(attempts), time=seconds)


def accounts_of(attempts: Sequence[Attempt]) -> list[str]:
    """Each once, in the order in which they were tried."""
    return list(dict.fromkeys(attempt.account for attempt in attempts if attempt.account != UNKNOWN))


def _what(attempts: Sequence[Attempt], accounts: int, words: Words) -> str:
    wrong = [attempt.event in FAILED and attempt.account != UNKNOWN for attempt in attempts]
    if all(wrong):
        return words.plural("Wrong password on {count} account", "Wrong password on {count} accounts", accounts)
    if any(wrong):
        return words.text("Wrong passwords and accounts that do not exist")
    if all(attempt.event == "FailedACL" for attempt in attempts):
        return words.text("Address that the account does not allow")
    return words.text("Accounts that do not exist")


def event(attempt: Attempt, words: Words) -> str:
    """What one attempt was."""
    if attempt.account == UNKNOWN:
        return words.text(EVENTS["InvalidAccountID"])
    return words.text(EVENTS.get(attempt.event, "wrong password"))


def proof(attempt: Attempt, words: Words) -> str:
    """Whether the sender's address is proven."""
    if attempt.transport in PROVEN:
        return words.text("{transport}, address proven", transport=attempt.transport)
    return words.text("{transport}, address not proven", transport=attempt.transport)


def shortened(account: str) -> str:
    return account if len(account) <= LONGEST_ACCOUNT else account[:LONGEST_ACCOUNT] + "…"


def phone(account: str, tenants: Mapping[int, Pbx]) -> Phone | None:
    """Whose phone an account names (``1_200``); None for a stranger's text."""
    number, _, extension = account.partition("_")
    pbx = tenants.get(int(number)) if number.isascii() and number.isdigit() and len(number) < 10 else None
    if pbx is None or not any(known.number == extension for known in pbx.extensions):
        return None
    return Phone(pbx.id, pbx.name, extension)
