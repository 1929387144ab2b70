"""Fixed windows on a clock the test holds."""

from corehr.gateway.rate_limits import Exceeded, RateLimits
from corehr.gateway.spec import Limit

MINE, OTHERS = ("toy.note.create", "1", "cli_a"), ("toy.note.create", "1", "cli_b")
DUAL = (Limit(1000, 60), Limit(50, 1))


class Clock:
    now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


def limits():
    clock = Clock()
    return RateLimits(seconds=clock), clock


def test_the_call_after_the_last_allowed_one_is_refused():
    bucket, _ = limits()
    assert [bucket.take(MINE, [Limit(3, 1)]) for _ in range(4)] == [None, None, None, Exceeded(3, 1)]


def test_a_window_opens_with_its_first_call_and_ends_a_period_later():
    bucket, clock = limits()
    for _ in range(3):
        bucket.take(MINE, [Limit(3, 60)])
    clock.now += 59.5
    assert bucket.take(MINE, [Limit(3, 60)]) == Exceeded(3, 1)
    clock.now += 0.5
    assert bucket.take(MINE, [Limit(3, 60)]) is None


def test_reset_is_the_seconds_to_wait():
    bucket, clock = limits()
    bucket.take(MINE, [Limit(1, 60)])
    clock.now += 12.5
    refused = bucket.take(MINE, [Limit(1, 60)])
    assert refused == Exceeded(1, 48)
    clock.now += 48
    assert bucket.take(MINE, [Limit(1, 60)]) is None


def test_of_two_limits_whichever_is_hit_first():
    bucket, clock = limits()
    assert [bucket.take(MINE, DUAL) for _ in range(51)][-1] == Exceeded(50, 1)
    for _ in range(19):
        clock.now += 1
        assert not any(bucket.take(MINE, DUAL) for _ in range(50))
    clock.now += 1
    assert bucket.take(MINE, DUAL) == Exceeded(1000, 40)


def test_of_two_limits_exceeded_the_one_that_resets_last_is_named():
    bucket, _ = limits()
    both = (Limit(2, 1), Limit(2, 60))
    assert [bucket.take(MINE, both) for _ in range(3)][-1] == Exceeded(2, 60)


def test_a_refused_call_is_not_counted():
    bucket, clock = limits()
    both = (Limit(4, 60), Limit(2, 1))
    assert [bucket.take(MINE, both) is None for _ in range(6)] == [True, True, False, False, False, False]
    clock.now += 1
    assert [bucket.take(MINE, both) is None for _ in range(3)] == [True, True, False]
    clock.now += 1
    assert bucket.take(MINE, both) == Exceeded(4, 58)


def test_apps_operations_and_tenants_do_not_share():
    bucket, _ = limits()
    one = [Limit(1, 1)]
    assert bucket.take(MINE, one) is None
    assert bucket.take(OTHERS, one) is None
    assert bucket.take(("toy.note.get", *MINE[1:]), one) is None
    assert bucket.take((MINE[0], "2", MINE[2]), one) is None
    assert bucket.take(MINE, one) is not None


def test_a_clock_that_goes_back_opens_a_new_window():
    bucket, clock = limits()
    bucket.take(MINE, [Limit(1, 60)])
    clock.now -= 3600
    assert bucket.take(MINE, [Limit(1, 60)]) is None


def test_no_limit_and_limits_off_let_everything_pass():
    bucket, _ = limits()
    assert not any(bucket.take(MINE, ()) for _ in range(100))
    off = RateLimits(on=False)
    assert not any(off.take(MINE, [Limit(1, 60)]) for _ in range(100))


def test_memory_is_bounded_by_who_called_lately():
    bucket, clock = limits()
    for at in range(10_000):
        bucket.take(("toy.note.get", "1", str(at)), [Limit(1, 1)])
    clock.now += 61
    bucket.take(MINE, [Limit(1, 1)])
    assert len(bucket._windows) == 1
