import pytest

from plugind_protocol.errors import SandboxIncomplete
from plugind_worker import lockdown
from plugind_worker.lockdown import Lockdown
from plugind_worker.sandbox.layer import Confinement, Job, Layer, Missing, Stage


class Applied(list[str]):
    """What was applied, in order."""

    def layer(self, name: str, stage: Stage, *, fault: Exception | None = None, **more: object) -> Layer:
        def apply(_: Confinement) -> None:
            if fault is not None:
                raise fault
            self.append(name)

        return Layer(name, stage, apply, **more)  # type: ignore[arg-type]


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> Applied:
    found = Applied()
    layers = (
        found.layer("first", Stage.ENTRY),
        found.layer("late", Stage.LAST),
        found.layer("for workers", Stage.ENTRY, jobs=frozenset({Job.LAUNCH})),
        found.layer("extra", Stage.LOADED, fault=Missing("not on this system"), essential=False),
        found.layer("wall", Stage.LOADED, fault=PermissionError(1, "Operation not permitted")),
    )
    monkeypatch.setattr(lockdown, "LAYERS", layers)
    return found


def test_layers_are_applied_stage_by_stage(applied: Applied) -> None:
    locked = Lockdown(Confinement(parent=1), held=["inherited"])
    locked.apply(Stage.ENTRY)
    assert applied == ["first", "for workers"]
    locked.apply(Stage.LAST)
    assert applied == ["first", "for workers", "late"]
    assert locked.held == ["inherited", "first", "for workers", "late"]
    locked.check()


def test_a_child_gets_only_what_is_for_its_job(applied: Applied) -> None:
    Lockdown(Confinement(parent=1, job=Job.COMPILE)).apply(Stage.ENTRY)
    assert applied == ["first"]


def test_what_cannot_be_applied_is_missing_with_its_reason(applied: Applied) -> None:
    locked = Lockdown(Confinement(parent=1))
    locked.apply(Stage.LOADED)
    assert [(layer.layer, layer.reason, layer.essential) for layer in locked.missing] == [
        ("extra", "not on this system", False),
        ("wall", "Operation not permitted", True),
    ]
    with pytest.raises(SandboxIncomplete, match=r"without wall \(Operation not permitted\)$") as caught:
        locked.check()
    assert "--sandbox degrade" in caught.value.hint


def test_a_process_that_may_goes_on_without(applied: Applied) -> None:
    locked = Lockdown(Confinement(parent=1), required=False)
    locked.apply(Stage.LOADED)
    locked.check()
