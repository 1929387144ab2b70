"""Fixed windows on a clock the test holds."""

from corehr.gateway.rate_limits import RateLimiter, RateLimitExceeded
from corehr.gateway.spec import RateLimit

MINE, OTHERS = ("toy.note.create", "1", "cli_a"), ("toy.note.create", "1", "cli_b")
DUAL = (RateLimit(1000, 60), RateLimit(50, 1))


class Clock:
    now = 1_700_000_000.25

    def __call__(self) -> float:
        return self.now


def limiter_and_clock():
    clock = Clock()
    return RateLimiter(seconds=clock), clock


def test_the_call_after_the_last_allowed_one_is_refused():
    bucket, _ = limiter_and_clock()
    assert [bucket.hit(MINE, [RateLimit(3, 1)]) for _ in range(4)] == [None, None, None, RateLimitExceeded(3, 1)]


def test_a_window_opens_with_its_first_call_and_ends_a_period_later():
    bucket, clock = limiter_and_clock()
    for _ in range(3):
        bucket.hit(MINE, [RateLimit(3, 60)])
    clock.now += 59.5
    assert bucket.hit(MINE, [RateLimit(3, 60)]) == RateLimitExceeded(3, 1)
    clock.now += 0.5
    assert bucket.hit(MINE, [RateLimit(3, 60)]) is None


def test_reset_is_the_seconds_to_wait():
    bucket, clock = limiter_and_clock()
    bucket.hit(MINE, [RateLimit(1, 60)])
    clock.now += 12.5
    refused = bucket.hit(MINE, [RateLimit(1, 60)])
    assert refused == RateLimitExceeded(1, 48)
    clock.now += 48
    assert bucket.hit(MINE, [RateLimit(1, 60)]) is None


def test_of_two_limits_whichever_is_hit_first():
    bucket, clock = limiter_and_clock()
    assert [bucket.hit(MINE, DUAL) for _ in range(51)][-1] == RateLimitExceeded(50, 1)
    for _ in range(19):
        clock.now += 1
        assert not any(bucket.hit(MINE, DUAL) for _ in range(50))
    clock.now += 1
    assert bucket.hit(MINE, DUAL) == RateLimitExceeded(1000, 40)


def test_of_two_limits_exceeded_the_one_that_resets_last_is_named():
    bucket, _ = limiter_and_clock()
    both = (RateLimit(2, 1), RateLimit(2, 60))
    assert [bucket.hit(MINE, both) for _ in range(3)][-1] == RateLimitExceeded(2, 60)


def test_a_refused_call_is_not_counted():
    bucket, clock = limiter_and_clock()
    both = (RateLimit(4, 60), RateLimit(2, 1))
    assert [bucket.hit(MINE, both) is None for _ in range(6)] == [True, True, False, False, False, False]
    clock.now += 1
    assert [bucket.hit(MINE, both) is None for _ in range(3)] == [True, True, False]
    clock.now += 1
    assert bucket.hit(MINE, both) == RateLimitExceeded(4, 58)


def test_apps_operations_and_tenants_do_not_share():
    bucket, _ = limiter_and_clock()
    one_call = [RateLimit(1, 1)]
    assert bucket.hit(MINE, one_call) is None
    assert bucket.hit(OTHERS, one_call) is None
    assert bucket.hit(("toy.note.get", *MINE[1:]), one_call) is None
    assert bucket.hit((MINE[0], "2", MINE[2]), one_call) is None
    assert bucket.hit(MINE, one_call) is not None


def test_a_clock_that_goes_back_opens_a_new_window():
    bucket, clock = limiter_and_clock()
    bucket.hit(MINE, [RateLimit(1, 60)])
    clock.now -= 3600
    assert bucket.hit(MINE, [RateLimit(1, 60)]) is None


def test_no_limit_and_limits_off_let_everything_pass():
    bucket, _ = limiter_and_clock()
    assert not any(bucket.hit(MINE, ()) for _ in range(100))
    off = RateLimiter(enabled=False)
    assert not any(off.hit(MINE, [RateLimit(1, 60)]) for _ in range(100))


def test_memory_is_bounded_by_who_called_lately():
    bucket, clock = limiter_and_clock()
    for at in range(10_000):
        bucket.hit(("toy.note.get", "1", str(at)), [RateLimit(1, 1)])
    clock.now += 61
    bucket.hit(MINE, [RateLimit(1, 1)])
    assert len(bucket._windows) == 1
