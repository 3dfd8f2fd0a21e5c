"""Token buckets: the average holds whatever the pattern."""

from hypothesis import given
from hypothesis import strategies as st

from plugind_protocol.rates import TokenBucket

GAPS = st.lists(st.floats(0, 2), min_size=1, max_size=200)


@given(gaps=GAPS, rate=st.integers(1, 100), burst=st.integers(1, 50))
def test_never_more_than_the_burst_and_the_rate_since(gaps: list[float], rate: int, burst: int) -> None:
    bucket, now, taken = TokenBucket(rate, burst), 1000.0, 0
    for gap in gaps:
        now += gap
        taken += bucket.take(now)
        assert taken <= burst + (now - 1000) * rate + 1e-6


@given(gaps=GAPS, rate=st.integers(1, 100), burst=st.integers(1, 50))
def test_reserved_events_keep_the_rate_and_their_order(gaps: list[float], rate: int, burst: int) -> None:
    bucket, now, due = TokenBucket(rate, burst), 1000.0, [0.0]
    for count, gap in enumerate(gaps, start=1):
        now += gap
        due.append(now + bucket.reserve(now))
        assert due[-1] >= due[-2] - 1e-6
        assert count <= burst + (due[-1] - 1000) * rate + 1e-6


def test_a_bucket_that_was_full_lets_its_burst_through_at_once() -> None:
    bucket = TokenBucket(8, 5)
    assert [bucket.take(100.0) for _ in range(6)] == [True] * 5 + [False]
    assert bucket.take(100.125)
    assert not bucket.take(100.125)
    assert bucket.reserve(100.125) == 0.125
