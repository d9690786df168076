"""Follows a log file through growth, rotation by rename, copytruncate, absence and restarts.

Raw inotify on the log's directory, read by the event loop: 0.2 ms from a write to the bytes (a library that polls or
threads: 50 ms).
"""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from asterisk_ext.domain.errors import Problem

UNREADABLE = Problem(
    "log.unreadable",
    500,
    "The security log {path} cannot be read: {reason}.",
    "Check the setting guard.log, and that logger.conf has the line `security => security`.",
)
NOT_A_LOG = Problem(
    "log.not_a_log",
    422,
    "{path} is no log of Asterisk's: it holds binary data, or a line without an end.",
    "Name the file that logger.conf writes for `security => security`.",
)

IN_MODIFY, IN_MOVED_FROM, IN_MOVED_TO, IN_CREATE, IN_DELETE = 0x2, 0x40, 0x80, 0x100, 0x200
IN_ONLYDIR, IN_NONBLOCK, IN_CLOEXEC = 0x01000000, 0o4000, 0o2000000
EVENT = struct.Struct("iIII")
CHUNK = 1 << 20
MARK = 256


class Position(NamedTuple):
    """Where a reader stopped: the file, the bytes done with, and the last of them (to know the file again)."""

    inode: int
    offset: int
    mark: bytes


class DirectoryWatch:
    """An inotify descriptor on one directory, asked only whether one name in it has changed."""

    def __init__(self, directory: Path, name: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._fd: int = libc.inotify_init1(IN_NONBLOCK | IN_CLOEXEC)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        self._name = name.encode()
        mask = IN_MODIFY | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ONLYDIR
        if libc.inotify_add_watch(self._fd, os.fsencode(directory), mask) < 0:
            code = ctypes.get_errno()
            os.close(self._fd)
            raise OSError(code, os.strerror(code), str(directory))

    def fileno(self) -> int:
        return self._fd

    def drain(self) -> bool:
        """Take what is there; true when it concerns the name (or when events were lost)."""
        concerned = False
        while True:
            try:
                data = os.read(self._fd, 1 << 16)
            except BlockingIOError:
                return concerned
            place = 0
            while place < len(data):
                _, _, _, length = EVENT.unpack_from(data, place)
                place += EVENT.size
                name = data[place : place + length].rstrip(b"\0")
                place += length
                concerned = concerned or name in (self._name, b"")

    def close(self) -> None:
        os.close(self._fd)


class LogFile:
    """The bytes of a log from a position on, in order, across rotations. Never waits for more."""

    def __init__(self, path: Path, position: Position | None = None) -> None:
        self._path = path
        self._fd = -1
        self._offset = 0
        self._mark = b""
        self._resume(position)

    def read(self) -> Iterator[tuple[bytes, bool]]:
        """What there is now, in pieces of 1 MiB at most; each says whether it is the first of another file (or of the
        same one, emptied), so that what waited for more of the old one waits in vain."""
        fresh = self._open_if_needed()
        while self._fd >= 0:
            if self.before(self._offset, len(self._mark)) != self._mark:
                # Emptied and written again (copytruncate), perhaps longer than before by now.
                self._offset, self._mark, fresh = 0, b"", True
            data = os.pread(self._fd, CHUNK, self._offset)
            if data:
                self._offset += len(data)
                self._mark = (self._mark + data[-MARK:])[-MARK:]
                yield data, fresh
                fresh = False
                continue
            if self._is_current():
                if fresh:
                    yield b"", True
                return
            self.close()
            fresh = self._open_if_needed() or fresh

    @property
    def inode(self) -> int:
        return os.fstat(self._fd).st_ino if self._fd >= 0 else 0

    @property
    def offset(self) -> int:
        """Where the next byte is read from."""
        return self._offset

    def before(self, offset: int, size: int) -> bytes:
        """Up to ``size`` bytes that stand before an offset of the open file."""
        if self._fd < 0:
            return b""
        start = max(0, offset - size)
        return os.pread(self._fd, offset - start, start)

    def position(self, offset: int) -> Position:
        return Position(self.inode, offset, self.before(offset, MARK))

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _resume(self, position: Position | None) -> None:
        if position is None or not position.inode:
            return
        for candidate in (self._path, *sorted(self._path.parent.glob(self._path.name + "*"))):
            fd = self._try_open(candidate)
            if fd < 0:
                continue
            status = os.fstat(fd)
            known = status.st_ino == position.inode and status.st_size >= position.offset
            start = position.offset - len(position.mark)
            if known and os.pread(fd, len(position.mark), start) == position.mark:
                self._fd, self._offset, self._mark = fd, position.offset, position.mark
                return
            os.close(fd)

    def _open_if_needed(self) -> bool:
        if self._fd >= 0:
            return False
        self._fd = self._try_open(self._path)
        self._offset, self._mark = 0, b""
        return self._fd >= 0

    def _is_current(self) -> bool:
        """The open file is still the one that bears the name, or there is none yet to follow it."""
        try:
            named = self._path.stat()
        except FileNotFoundError:
            return True
        opened = os.fstat(self._fd)
        return (named.st_ino, named.st_dev) == (opened.st_ino, opened.st_dev)

    @staticmethod
    def _try_open(path: Path) -> int:
        try:
            return os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except FileNotFoundError:
            return -1
        except OSError as error:
            raise UNREADABLE.refuse(path=path, reason=error.strerror) from error
