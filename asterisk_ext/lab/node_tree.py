"""A node's file system: the machine's own, read through an overlay, with the product's paths private to the node.

Production paths can so be used as they are, and nothing that a node writes reaches the machine.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from asterisk_ext.lab.asterisk_install import Install
from asterisk_ext.lab.namespaces import MS_NODEV, MS_NOSUID, bind, mount

GUARD_UID = 64101
CONVERTER_UID = 64102
ETCD_UID = 64103
SOURCE = Path(__file__).resolve().parents[2]
ASTERISK_TREE = Path("/opt/asterisk")


@dataclass(frozen=True, slots=True)
class Directory:
    """A directory private to the node; with ``shared`` Asterisk's own tree shows the same one."""

    path: str
    uid: int
    gid: int
    mode: int
    shared: bool = True


def directories(install: Install) -> tuple[Directory, ...]:
    asterisk, group = install.uid, install.gid
    return (
        Directory("/etc/asterisk", asterisk, group, 0o750),
        Directory("/etc/asterisk-ext", 0, group, 0o755, shared=False),
        Directory("/var/lib/asterisk-ext", asterisk, group, 0o750),
        Directory("/var/lib/asterisk-ext-guard", GUARD_UID, GUARD_UID, 0o700, shared=False),
        Directory("/var/log/asterisk", asterisk, group, 0o750),
        Directory("/var/log/asterisk-ext", asterisk, group, 0o750, shared=False),
        Directory("/run/asterisk", asterisk, group, 0o755),
        Directory("/run/asterisk-ext", GUARD_UID, group, 0o770),
        Directory("/run/asterisk-ext-audio", CONVERTER_UID, group, 0o750, shared=False),
        Directory("/var/lib/etcd", ETCD_UID, ETCD_UID, 0o700, shared=False),
    )


def inside(base: Path, path: str) -> Path:
    """Where the lab's first process sees a private directory, or a file in it, of the node kept at ``base``."""
    return base / "private" / path.lstrip("/")


def make_directories(base: Path, install: Install) -> None:
    for entry in directories(install):
        place = inside(base, entry.path)
        place.mkdir(parents=True)
        os.chown(place, entry.uid, entry.gid)
        place.chmod(entry.mode)


def mount_tree(base: Path, install: Install, hosts: str) -> Path:
    """Put the tree together in this process's mount namespace; returns its root. ``hosts`` is its /etc/hosts."""
    root = base / "root"
    _overlay(Path("/"), base, "machine", root)
    for name, kind in (("run", "tmpfs"), ("tmp", "tmpfs"), ("sys", "sysfs")):
        mount(kind, root / name, kind, MS_NOSUID | MS_NODEV)
    (root / "tmp").chmod(0o1777)
    bind(Path("/proc"), root / "proc")
    bind(Path("/dev"), root / "dev")
    for number, disk in enumerate(_other_disks()):
        _show_disk(disk, base, f"disk{number}", root / disk.relative_to("/"))
    source = root / SOURCE.relative_to("/")
    if not (source / "asterisk_ext").exists():
        bind(SOURCE, source, read_only=True)
    for path in (SOURCE, Path(sys.prefix), Path(sys.base_prefix)):
        _let_everyone_through(root, path)
    for entry in directories(install):
        bind(inside(base, entry.path), root / entry.path.lstrip("/"))
    if install.own_tree:
        _mount_asterisk(base, root, install)
    _write_programs(root, install)
    _write_users(root, install)
    for tree in {root, root / ASTERISK_TREE.relative_to("/") if install.own_tree else root}:
        _write_names(tree, hosts)
    return root


def _overlay(lower: Path, base: Path, name: str, target: Path) -> None:
    upper, work = base / f"{name}-upper", base / f"{name}-work"
    for place in (upper, work, target):
        place.mkdir(parents=True, exist_ok=True)
    upper.chmod(0o755)
    mount("overlay", target, "overlay", options=f"lowerdir={lower},upperdir={upper},workdir={work}")


def _show_disk(disk: Path, base: Path, name: str, target: Path) -> None:
    """Through an overlay too, since /var or /opt may be one; read-only where the file system allows none (a vfat)."""
    try:
        _overlay(disk, base, name, target)
    except OSError:
        bind(disk, target, read_only=True)


def _mount_asterisk(base: Path, root: Path, install: Install) -> None:
    tree = root / ASTERISK_TREE.relative_to("/")
    _overlay(install.root, base, "asterisk", tree)
    bind(Path("/proc"), tree / "proc")
    bind(Path("/dev"), tree / "dev")
    for entry in directories(install):
        if entry.shared:
            bind(inside(base, entry.path), tree / entry.path.lstrip("/"))


def _other_disks() -> Iterator[Path]:
    """Mount points of disks other than the root's, as /proc/self/mountinfo tells (proc(5))."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        fields, _, origin = line.partition(" - ")
        place, source = fields.split()[4], origin.split()[1]
        if source.startswith("/dev/") and place != "/" and Path(place).is_dir():
            yield Path(place.encode().decode("unicode_escape"))


def _let_everyone_through(root: Path, path: Path) -> None:
    """A clone below /root must be usable by the services' users: open its parents, in the overlay only."""
    device = root.stat().st_dev
    for parent in (path, *path.parents):
        place = root / parent.relative_to("/")
        found = place.stat()
        if found.st_dev == device and not found.st_mode & stat.S_IXOTH:
            place.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)


def _write_programs(root: Path, install: Install) -> None:
    """``asterisk`` and ``asterisk-ext`` on the node's PATH."""
    programs = root / "usr/local/bin"
    programs.mkdir(parents=True, exist_ok=True)
    start = "import sys; sys.argv[0] = 'asterisk-ext'; from asterisk_ext.cli.main import main; main()"
    own = f'#!/bin/sh\nPYTHONPATH={SOURCE} exec {sys.executable} -c "{start}" "$@"\n'
    _write_program(programs / "asterisk-ext", own)
    if install.own_tree:
        # The control command is run by its own loader, not by chroot: the node service's user may use it too.
        loader = next((root / ASTERISK_TREE.relative_to("/")).glob("usr/lib/*/ld-linux-*.so.*"))
        loader = Path("/") / loader.relative_to(root)
        text = f'#!/bin/sh\nexec {loader} --library-path {loader.parent} {ASTERISK_TREE}/usr/sbin/asterisk "$@"\n'
        _write_program(programs / "asterisk", text)


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _write_users(root: Path, install: Install) -> None:
    """The services' users come first, so that their names win where the machine uses the same numbers."""
    users = (
        ("asterisk", install.uid, install.gid),
        ("asterisk-ext-guard", GUARD_UID, GUARD_UID),
        ("asterisk-ext-audio", CONVERTER_UID, CONVERTER_UID),
        ("etcd", ETCD_UID, ETCD_UID),
    )
    passwd, group = root / "etc/passwd", root / "etc/group"
    lines = [f"{name}:x:{uid}:{gid}::/nonexistent:/usr/sbin/nologin\n" for name, uid, gid in users]
    passwd.write_text("".join(lines) + passwd.read_text())
    group.write_text("".join(f"{name}:x:{gid}:\n" for name, _, gid in users) + group.read_text())


def _write_names(tree: Path, hosts: str) -> None:
    """The lab has no name server: without one named, a lookup fails at once instead of waiting for the machine's."""
    for name, text in (("hosts", hosts), ("resolv.conf", "")):
        file = tree / "etc" / name
        file.unlink(missing_ok=True)
        file.write_text(text)
