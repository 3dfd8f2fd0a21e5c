"""Capsules for tests."""

import datetime as dt

from plugind_protocol.capsule import SCHEMA, CallRecord, Capsule, EngineRecord, MachineRecord, Payload
from plugind_protocol.manifest import Limits

AT = dt.datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=dt.UTC)


def capsule(capsule_id: str, plugin_id: str = "p") -> Capsule:
    """A whole capsule: a call of ``f`` trapped."""
    return Capsule(
        id=capsule_id,
        plugin_id=plugin_id,
        version="1.0.0",
        at=AT.isoformat(),
        kind="Trap",
        cause="trap",
        reason="p 1.0.0: divided by zero",
        during="f",
        schema=SCHEMA,
        daemon_version="1",
        protocol_version="1.0",
        machine=MachineRecord(os="Linux", kernel="6", arch="x86_64", cpus=2),
        package="ab",
        module_hash="cd",
        abi="timeline",
        engine=EngineRecord(name="wasmtime", version="1", settings="x"),
        limits=Limits(memory_bytes=1 << 20),
        granted=[],
        layers=[],
        state="loaded",
        hooks=[],
        exit=None,
        stack=["f"],
        calls=[
            CallRecord(
                step="call",
                name="f",
                params=Payload(text='{"ä":"\\u0000"}', size=15),
                ms=1.5,
                timeout_ms=30_000,
                outcome="Trap",
                running=True,
            )
        ],
        windows=[],
        console=[],
        redacted=False,
    )
