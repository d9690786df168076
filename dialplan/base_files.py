"""This product's include files in Asterisk's own directory: written whole, looked at after, put back if need be."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.domain.errors import Problem
from dialplan.base_config import includes

ROLLED_BACK = Problem(
    "dialplan.rolled_back",
    500,
    "Asterisk's files were left as they were: after a reload it lacked {missing}.",
    "Look into Asterisk's log for what it says of its files.",
)

RELOADS = {"extensions": "dialplan reload", "ari": "module reload res_ari.so", "logger": "logger reload"}
"""What takes a changed file up; the others are read when Asterisk starts."""

_CONTEXT = re.compile(r"^\[([a-z-]+)\]$", re.MULTILINE)
_SHOWN = re.compile(r"Context '([^']+)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    changed: list[str]
    restart: list[str]
    """Changed files that Asterisk reads only when it starts."""
    not_included: list[str]
    """Asterisk's own files that lack the line which includes ours."""


class BaseFiles:
    """``command`` runs one of Asterisk's console and returns its words; OSError where it does not answer. Blocks."""

    def __init__(self, directory: Path, command: Callable[[str], str]) -> None:
        self._directory = directory
        self._command = command

    def compare(self, files: Mapping[str, str]) -> Written:
        """What ``apply`` would change."""
        changed = [name for name, text in files.items() if self._text(name) != text]
        restart = [name for name in changed if _kind(name) not in RELOADS]
        return Written(changed=changed, restart=restart, not_included=self._not_included())

    def apply(self, files: Mapping[str, str]) -> Written:
        """Write what differs and have Asterisk take it up; applying the same again does nothing.

        Refuses ``dialplan.rolled_back``, with the former files in place again, where Asterisk then lacks a context of
        ours. An Asterisk that does not answer takes the files up when it starts.
        """
        found = self.compare(files)
        before = {name: self._text(name) for name in found.changed}
        try:
            for name in found.changed:
                self._write(name, files[name])
        except OSError:
            self._put_back(before)
            raise
        missing = self._lacking(found.changed, files) if found.changed else []
        if missing:
            self._put_back(before)
            self._lacking(found.changed, files)
            raise ROLLED_BACK.refuse(missing=", ".join(missing))
        return found

    def _put_back(self, before: Mapping[str, str | None]) -> None:
        for name, text in before.items():
            if text is None:
                (self._directory / name).unlink(missing_ok=True)
            elif self._text(name) != text:
                self._write(name, text)

    def _lacking(self, changed: list[str], files: Mapping[str, str]) -> list[str]:
        """Reload; the contexts of ours that Asterisk's dialplan then has not."""
        try:
            for kind in dict.fromkeys(_kind(name) for name in changed):
                if kind in RELOADS:
                    self._command(RELOADS[kind])
            if "extensions.conf" in self._not_included():
                return []
            shown = set(_SHOWN.findall(self._command("dialplan show")))
        except OSError:
            return []
        wanted = _CONTEXT.findall(files[includes()["extensions.conf"]])
        return [context for context in wanted if context not in shown]

    def _not_included(self) -> list[str]:
        return [main for main, ours in includes().items() if ours not in (self._text(main) or "")]

    def _text(self, name: str) -> str | None:
        path = self._directory / name
        return path.read_text() if path.exists() else None

    def _write(self, name: str, text: str) -> None:
        """Readable by Asterisk's user alone: passwords are among them."""
        draft, owner = self._directory / f"{name}.new", self._directory.stat()
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
            file.flush()
            os.fsync(handle)
        os.chown(draft, owner.st_uid, owner.st_gid)
        draft.replace(self._directory / name)


def _kind(name: str) -> str:
    """``asterisk-ext.extensions.conf`` → ``extensions``."""
    return name.removeprefix("asterisk-ext.").removesuffix(".conf")
