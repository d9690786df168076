"""Refusals: what the product says when it does not do what was asked.

A ``Problem`` is declared once, as a constant beside the feature it belongs to; ``refuse`` makes the exception.
The English texts are the message ids of the translations; the three ways in (console, API, command line) turn a
``Refusal`` into their own form in one place each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One kind of refusal.

    ``error_id`` is stable and reads ``area.reason``; ``status`` is the HTTP status of RFC 9457's problem details;
    ``what`` says what did not happen and why, ``remedy`` what to do. Both may hold ``{name}`` places.
    """

    error_id: str
    status: int
    what: str
    remedy: str

    def refuse(self, field: str | None = None, **params: object) -> Refusal:
        """The exception for this problem; ``field`` names the input that is at fault, where there is one."""
        return Refusal(self, params, field)


class Refusal(Exception):  # noqa: N818 - it is a refusal, not a fault of the program
    """An act that was refused; nothing has changed."""

    def __init__(self, problem: Problem, params: Mapping[str, object], field: str | None = None) -> None:
        self.problem = problem
        self.params = dict(params)
        self.field = field
        super().__init__(f"{self.what} {self.remedy}")

    @property
    def error_id(self) -> str:
        return self.problem.error_id

    @property
    def what(self) -> str:
        return self.problem.what.format_map(self.params)

    @property
    def remedy(self) -> str:
        return self.problem.remedy.format_map(self.params)
