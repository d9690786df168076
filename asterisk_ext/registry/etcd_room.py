"""Room in an etcd cluster that was filled: its past forgotten, the room given back, and writes taken again.

A cluster whose database has reached ``--quota-backend-bytes`` takes deletions only, until somebody has done all three
(etcd.io, "Space quota").
"""

from __future__ import annotations

import grpc
from aetcd import rpc

from asterisk_ext.ports import UNREACHABLE
from asterisk_ext.registry.etcd_keys import ROOT
from asterisk_ext.registry.etcd_link import ELSEWHERE, Link

PATIENCE = 60.0
"""Seconds: a server gives back some hundred megabytes a second, and answers nobody meanwhile."""


async def make_room(link: Link) -> None:
    """Needs the right to administer the cluster; refuses ``registry.unreachable`` where a server does not answer.

    Doing it again repairs what was left half done.
    """
    newest, _ = await link.ask(lambda kv: kv.Range(rpc.RangeRequest(key=ROOT.encode()), timeout=link.patience))
    past = rpc.CompactionRequest(revision=newest.header.revision, physical=True)
    try:
        await link.kv().Compact(past, timeout=PATIENCE)
    except grpc.aio.AioRpcError as error:
        if "has been compacted" not in (error.details() or ""):
            raise UNREACHABLE.refuse() from error
    try:
        for server in link.each_server():
            await server.Defragment(rpc.DefragmentRequest(), timeout=PATIENCE)
        (first, *_) = link.each_server()
        told = await first.Alarm(rpc.AlarmRequest(action=rpc.AlarmRequest.GET), timeout=link.patience)
        for alarm in told.alarms:
            over = rpc.AlarmRequest(action=rpc.AlarmRequest.DEACTIVATE, memberID=alarm.memberID, alarm=alarm.alarm)
            await first.Alarm(over, timeout=link.patience)
    except grpc.aio.AioRpcError as error:
        if error.code() not in ELSEWHERE:
            raise
        raise UNREACHABLE.refuse() from error
