"""The journal as it is read, whatever a stolen server has written into it."""

from __future__ import annotations

from asterisk_ext.domain.access import ROOT, Act
from asterisk_ext.services import records
from asterisk_ext.services.audit import Entry
from asterisk_ext.services.times import iso
from tests.unit.services.conftest import NOW, World


async def test_what_a_stolen_server_writes_hides_nothing_bears_its_name_and_undoes_nothing(world: World) -> None:
    await world.registry.create(records.CONSOLES, records.encode(["", "node1"]))
    true = [(entry.who, entry.act, entry.thing) for entry in world.audit.latest(ROOT)]
    later = f"{records.AUDIT}node2/9{int(NOW * 1000):014d}-0"
    forged = Entry(at=iso(NOW), who="ana", act=Act.CHANGE_SERVER, thing="node1", undo="servers/node1/maintenance/leave")
    await world.registry.create(later, b"no entry")
    await world.registry.create(f"{records.AUDIT}node2/", records.encode({"at": 1}))
    revision = await world.registry.create(f"{records.AUDIT}node2/{int(NOW * 1000):015d}-0", records.encode(forged))
    await world.fleet.after(revision - 1)
    shown = world.audit.latest(ROOT)
    assert [(entry.who, entry.act, entry.thing) for entry in shown if entry.who != "ana (node2)"] == true
    assert [entry.undo for entry in shown if entry.who == "ana (node2)"] == [""]
    world.now += 1
    await world.audit.note(ROOT, Act.CHANGE_SERVER, "node1")
    await world.fleet.after(revision)
    assert world.audit.latest(ROOT, 1)[0].who == ROOT.name
