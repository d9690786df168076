"""What Asterisk's ``security`` log says about authentication, and which of its lines make one attempt.

Facts are from Asterisk 20 to 22: ``res/res_pjsip/security_events.c``, ``res/res_pjsip/pjsip_distributor.c`` (who
reports what, in which order) and ``main/manager.c``. For PJSIP the log shows, request by request:

=====================================  ======================================================================
request                                lines
=====================================  ======================================================================
unknown account, no credentials        ``InvalidAccountID``, then ``ChallengeSent`` of ``<unknown>``
unknown account, with credentials      ``InvalidAccountID``, then ``ChallengeResponseFailed`` of ``<unknown>``
address refused by an endpoint's ACL   as for an unknown account, with ``FailedACL`` in the first place
known account, no credentials          ``ChallengeSent`` of the account: no failure
known account, wrong credentials       ``ChallengeResponseFailed`` of the account
=====================================  ======================================================================
"""

from __future__ import annotations

from typing import NamedTuple

UNKNOWN = "<unknown>"
"""The account Asterisk writes when no endpoint fits (its artificial endpoint)."""

REFUSED = frozenset({"InvalidAccountID", "FailedACL"})
FAILED = frozenset({"ChallengeResponseFailed", "InvalidPassword"})
CHALLENGED = "ChallengeSent"
SUCCEEDED = "SuccessfulAuth"

RETRANSMISSION_SECONDS = 32.0
"""RFC 3261 section 17.1.2.2: a request over UDP is repeated for 64 × T1 = 32 s, …"""
RETRANSMISSIONS = 10
"""… which makes ten repeats (after 0.5, 1.5, 3.5, 7.5 s, then every 4 s)."""
SESSIONS = 16_384


class SecurityEvent(NamedTuple):
    """One event; ``address`` is the true peer as Asterisk printed it, everything in ``account``, ``session``,
    ``challenge`` and ``response`` may be an attacker's text. ``time`` is seconds since 1970, ``stamp`` as logged."""

    name: str
    time: float
    stamp: str
    service: str
    transport: str
    address: str
    port: int
    account: str
    session: str
    challenge: str = ""
    response: str = ""

    @property
    def proven(self) -> bool:
        """The peer answered a handshake, so its address is not forged."""
        return self.transport in PROVEN


PROVEN = frozenset({"TCP", "TLS", "WS", "WSS"})


Answer = tuple[str, str, int]
"""Nonce, response and port of a request's credentials."""


class _Attempt:
    """The latest attempt of one session (peer and Call-ID)."""

    __slots__ = ("account", "answered", "answers", "began", "challenged", "repeats", "unsettled")

    def __init__(self, began: float, account: str, answers: Answer | None = None) -> None:
        self.began = began
        self.account = account
        self.answered = answers is not None
        self.answers = answers
        self.challenged = False
        self.repeats = 0
        self.unsettled = False
        """A second refusal was seen; the next line says whether it was the answer, a repeat or another attempt."""


class AttemptCounter:
    """Folds the lines of one attempt into one: ``count`` is true for the first line of each failed attempt.

    The rule, within one session (peer address and Call-ID) and 32 s from the attempt's first line:

    * the first refusal (``InvalidAccountID``, ``FailedACL``) counts; a second one belongs to it when credentials
      follow (the same client answers the challenge), and so does their ``ChallengeResponseFailed``;
    * another account, or credentials other than the attempt's, is another attempt, Call-ID or not;
    * over UDP a repeat of the same request is a retransmission: not counted, ten times an attempt at most. Repeats of
      credentials are forgiven ten times an address in all, because the log shows only the first of a request's
      ``Authorization`` headers: one who hides a new guess in the second looks like a retransmission;
    * without nonce and response in the line (a scheme spelt otherwise than ``Digest``) nothing tells a repeat from a
      new guess: it counts. Over a stream nothing is retransmitted: it counts;
    * ``ChallengeSent`` of ``<unknown>`` with no refusal before it counts: Asterisk drops a line whose account is no
      UTF-8, which would hide the refusal.

    Other services report one line an attempt. Memory: at least the ``sessions`` most recent ones, at most twice as
    many: whole halves are forgotten, since a dictionary whose oldest key is taken out again and again grows slow.
    """

    def __init__(self, sessions: int = SESSIONS) -> None:
        self._limit = sessions
        self._attempts: dict[tuple[str, str], _Attempt] = {}
        self._older: dict[tuple[str, str], _Attempt] = {}
        self._forgiven: dict[str, int] = {}
        self._forgiven_older: dict[str, int] = {}

    def count(self, event: SecurityEvent) -> bool:
        name, time, _, service, _, address, port, account, session, challenge, response = event
        if service != "PJSIP":
            return name in REFUSED or name in FAILED
        key = (address, session)
        attempt = self._attempts.get(key) or self._older.get(key)
        if attempt is not None and not 0 <= time - attempt.began < RETRANSMISSION_SECONDS:
            attempt = None
        if attempt is None and account == UNKNOWN:
            attempt = self._adopt(key, event)
        if name == "ChallengeResponseFailed":
            answer = (challenge, response, port)
            if attempt is None:
                self._open(key, _Attempt(time, account, answer))
                return True
            return self._failed(key, attempt, event, answer)
        if name in REFUSED:
            return self._refused(key, attempt, event)
        if name == CHALLENGED and event.account == UNKNOWN:
            return self._challenged(key, attempt, event)
        return name in FAILED

    def _refused(self, key: tuple[str, str], attempt: _Attempt | None, event: SecurityEvent) -> bool:
        if attempt is None or attempt.unsettled or attempt.account != event.account:
            self._open(key, _Attempt(event.time, event.account))
            return True
        attempt.unsettled = True
        return False

    def _failed(self, key: tuple[str, str], attempt: _Attempt, event: SecurityEvent, answer: Answer) -> bool:
        if event.account in (UNKNOWN, attempt.account):
            attempt.unsettled = False
            if not attempt.answered and event.account == UNKNOWN:
                attempt.answered, attempt.answers = True, answer
                return False
            if self._is_repeat(attempt, answer, event):
                return False
        account = attempt.account if event.account == UNKNOWN else event.account
        self._open(key, _Attempt(event.time, account, answer))
        return True

    def _challenged(self, key: tuple[str, str], attempt: _Attempt | None, event: SecurityEvent) -> bool:
        if attempt is None:
            self._open(key, _Attempt(event.time, event.account)).challenged = True
            return True
        if not attempt.answered and not attempt.challenged:
            attempt.challenged, attempt.unsettled = True, False
            return False
        repeat = not attempt.answered and event.transport == "UDP" and attempt.repeats < RETRANSMISSIONS
        if repeat:
            attempt.repeats += 1
            attempt.unsettled = False
            return False
        self._open(key, _Attempt(event.time, attempt.account)).challenged = True
        return True

    def _adopt(self, key: tuple[str, str], event: SecurityEvent) -> _Attempt | None:
        """The refusal just before, when an ESC in its account has deleted its Call-ID from the log."""
        lost = (event.address, "")
        attempt = self._attempts.pop(lost, None) or self._older.pop(lost, None)
        if attempt is None or not 0 <= event.time - attempt.began < 1:
            return None
        return self._open(key, attempt)

    def _is_repeat(self, attempt: _Attempt, answer: Answer, event: SecurityEvent) -> bool:
        if event.transport != "UDP" or attempt.answers != answer or not (answer[0] and answer[1]):
            return False
        forgiven = self._forgiven.get(event.address) or self._forgiven_older.get(event.address, 0)
        if forgiven >= RETRANSMISSIONS:
            return False
        if len(self._forgiven) >= self._limit:
            self._forgiven, self._forgiven_older = {}, self._forgiven
        self._forgiven[event.address] = forgiven + 1
        return True

    def _open(self, key: tuple[str, str], attempt: _Attempt) -> _Attempt:
        if len(self._attempts) >= self._limit:
            self._attempts, self._older = {}, self._attempts
        self._attempts[key] = attempt
        return attempt
