import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugind.services.idle import Policy, Step, due, wait

ALL = Policy(probe=10, park=60, end=600)
NEVER_ENDED = Policy(probe=10, park=10, end=None)


@pytest.mark.parametrize(
    ("policy", "idle", "done", "step"),
    [
        (ALL, 8, None, None),
        (ALL, 9.5, None, Step.PROBE),  # a little early, so that one look serves many
        (ALL, 10, None, Step.PROBE),
        (ALL, 59, Step.PROBE, Step.PARK),
        (ALL, 40, Step.PROBE, None),
        (ALL, 700, None, Step.END),  # what was missed on the way is part of it
        (ALL, 700, Step.END, None),
        (NEVER_ENDED, 10, None, Step.PARK),
        (NEVER_ENDED, 1e9, Step.PARK, None),
    ],
)
def test_what_is_due(policy: Policy, idle: float, done: Step | None, step: Step | None) -> None:
    assert due(idle, done, policy=policy) is step


@pytest.mark.parametrize(
    ("policy", "idle", "done", "seconds"),
    [
        (ALL, 0, None, 10),
        (ALL, 4, None, 6),
        (ALL, 10, Step.PROBE, 50),
        (ALL, 70, Step.PARK, 530),
        (ALL, 600, Step.END, None),
        (NEVER_ENDED, 10, Step.PARK, None),
        (NEVER_ENDED, 20, None, 0),
    ],
)
def test_when_to_look_again(policy: Policy, idle: float, done: Step | None, seconds: float | None) -> None:
    assert wait(idle, done, policy=policy) == seconds


times = st.floats(0.001, 1e6)


@given(st.builds(Policy, probe=times, park=times, end=st.none() | times))
def test_a_worker_that_nobody_calls_is_left_alone_after_three_looks(policy: Policy) -> None:
    idle, done, looks = 0.0, None, 0
    while (seconds := wait(idle, done, policy=policy)) is not None:
        idle += seconds
        looks += 1
        step = due(idle, done, policy=policy)
        if step is None:  # what was due was part of a later step
            break
        done = step
    assert looks <= len(Step)
    assert done is (Step.END if policy.end is not None else Step.PARK)
