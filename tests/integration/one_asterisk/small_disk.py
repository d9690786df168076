"""A disk of a few megabytes for the state of one Asterisk and its node service, that can be full."""

from __future__ import annotations

from tests.integration.one_asterisk.asterisk import OneAsterisk


class SmallDisk:
    """Seen by what is started inside of ``one`` from now on; ``place`` is where all of it lies."""

    def __init__(self, one: OneAsterisk, megabytes: int) -> None:
        self._one = one
        self.place = str(one.root.parent / "small")
        self._run("mkdir", self.place)
        self._run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.place)
        self._run("cp", "-a", f"{one.state}/.", self.place)
        self._run("mount", "--bind", self.place, str(one.root / "var/lib/asterisk-ext"))
        self._ballast = f"{self.place}/ballast"

    def fill(self) -> None:
        """Not a page is left."""
        for words in (
            ("fallocate", "--length", "1G", self._ballast),
            ("dd", "if=/dev/zero", f"of={self._ballast}", "bs=4k", "status=none"),
        ):
            assert self._one.spawn(list(words)).wait(30) != 0

    def free(self) -> None:
        self._run("rm", self._ballast)

    def _run(self, *words: str) -> None:
        assert self._one.spawn(list(words)).wait(30) == 0
