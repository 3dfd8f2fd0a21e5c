"""The restart policy: backoff doubles, old crashes are forgotten, a crash loop is given up."""

from hypothesis import given
from hypothesis import strategies as st

from plugind.supervisor.restart import GiveUp, Policy, Restart, after_release, decide

POLICY = Policy(max_restarts=3, window_seconds=300.0, backoff_first_seconds=0.1, backoff_max_seconds=0.3)


def test_without_crashes_it_starts_at_once() -> None:
    assert decide([], 5.0, policy=POLICY) == Restart(5.0)


def test_backoff_doubles_up_to_its_bound() -> None:
    patient = Policy(max_restarts=5, backoff_first_seconds=0.1, backoff_max_seconds=0.3)
    assert decide([10.0, 11.0], 11.0, policy=patient) == Restart(11.1)
    assert decide([10.0, 11.0, 12.0], 12.0, policy=patient) == Restart(12.2)
    assert decide([10.0, 11.0, 12.0, 13.0], 13.0, policy=patient) == Restart(13.3)


def test_after_its_first_crash_it_starts_at_once() -> None:
    assert decide([10.0], 10.0, policy=POLICY, jitter=1.0) == Restart(10.0)


def test_one_crash_more_than_allowed_gives_up() -> None:
    assert decide([10.0, 11.0, 12.0, 13.0], 13.0, policy=POLICY) == GiveUp(4)


def test_a_version_that_is_released_waits_as_if_it_had_not_been_given_up() -> None:
    patient = Policy(max_restarts=3, backoff_first_seconds=0.1, backoff_max_seconds=30.0)
    assert after_release([], policy=patient) == Restart(0.0)
    assert after_release([10.0, 11.0, 12.0, 13.0], policy=patient) == Restart(13.4)
    assert after_release([10.0] * 60, policy=patient) == Restart(10.4)
    assert after_release([10.0, 11.0, 12.0, 13.0], policy=POLICY) == Restart(13.3)


def test_crashes_outside_the_window_are_forgotten() -> None:
    assert decide([10.0, 11.0, 12.0, 312.5, 313.0], 313.0, policy=POLICY) == Restart(313.1)


@given(
    gaps=st.lists(st.floats(0, 1000), max_size=20),
    later=st.floats(0, 1000),
    jitter=st.floats(0, 1),
)
def test_it_never_waits_longer_than_the_bound_nor_restarts_a_loop(
    gaps: list[float], later: float, jitter: float
) -> None:
    crashes = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    now = (crashes[-1] if crashes else 0.0) + later
    decision = decide(crashes, now, policy=POLICY, jitter=jitter)
    recent = sum(now - at < POLICY.window_seconds for at in crashes)
    if recent > POLICY.max_restarts:
        assert decision == GiveUp(recent)
    else:
        assert isinstance(decision, Restart)
        assert decision.not_before <= now + POLICY.backoff_max_seconds * 1.1
