import os
import threading

import pytest

from plugind_worker import rehearsal
from plugind_worker.engine.base import Engine

pytestmark = pytest.mark.process


def _descriptors() -> list[str]:
    return sorted(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("threads", [False, True])
def test_every_call_is_answered_and_nothing_is_left(engine: Engine, *, threads: bool) -> None:
    descriptor = rehearsal.artefact(engine)
    assert descriptor is not None
    try:
        before, running = _descriptors(), threading.active_count()
        for _ in range(2):
            assert rehearsal.run(engine, descriptor, threads=threads) == rehearsal.CALLS + 1
        assert _descriptors() == before
        assert threading.active_count() == running
    finally:
        os.close(descriptor)


def test_an_artefact_that_cannot_be_loaded_is_no_reason_to_fail(engine: Engine) -> None:
    descriptor = os.memfd_create("nothing")
    try:
        assert rehearsal.run(engine, descriptor, threads=False) == 0
    finally:
        os.close(descriptor)


def test_there_is_none_with_an_engine_that_keeps_what_it_makes(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "interruptible", False)
    assert rehearsal.artefact(engine) is None


def test_there_is_none_where_compiling_fails(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsal, "_MODULE", b"(module (func (unknown)))")
    before = _descriptors()
    assert rehearsal.artefact(engine) is None
    assert _descriptors() == before
