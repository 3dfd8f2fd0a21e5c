from plugind.supervisor.logs import FLOOD_SECONDS, RUDE_SECONDS, Logs
from plugind_protocol.manifest import Limits


def test_few_messages_are_kept_and_read_on() -> None:
    logs = Logs(Limits(log_messages_per_second=10))
    assert [logs.take(100.0) for _ in range(40)] == [(True, 0.0)] * 40


def test_who_logs_past_its_own_limit_is_dropped_and_left_alone_for_long() -> None:
    logs = Logs(Limits(log_messages_per_second=10))
    heard = [logs.take(100.0) for _ in range(41)]
    assert heard[-1] == (False, RUDE_SECONDS)
    assert [logs.take(100.25).kept for _ in range(3)] == [True, True, False]  # ten a second


def test_who_may_log_much_is_left_alone_for_a_moment() -> None:
    logs = Logs(Limits())
    heard = [logs.take(100.0) for _ in range(65)]
    assert heard[63] == (True, 0.0)
    assert heard[64] == (True, FLOOD_SECONDS)


def test_a_limit_changes_what_is_kept() -> None:
    logs = Logs(Limits(log_messages_per_second=1))
    assert [logs.take(100.0).kept for _ in range(5)] == [True] * 4 + [False]
    logs.limit(Limits(log_messages_per_second=100))
    assert logs.take(100.0).kept
