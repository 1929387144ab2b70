"""Rate limit windows, on a clock that the test sets."""

from corehr.gateway.rate_limits import RateLimiter, RateLimitExceeded
from corehr.spec.loader import RateLimit

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
    limiter, _ = limiter_and_clock()
    assert [limiter.hit(MINE, [RateLimit(3, 1)]) for _ in range(4)] == [None, None, None, RateLimitExceeded(3, 1)]


def test_a_window_opens_with_its_first_call_and_ends_a_period_later():
    limiter, clock = limiter_and_clock()
    for _ in range(3):
        limiter.hit(MINE, [RateLimit(3, 60)])
    clock.now += 59.5
    assert limiter.hit(MINE, [RateLimit(3, 60)]) == RateLimitExceeded(3, 1)
    clock.now += 0.5
    assert limiter.hit(MINE, [RateLimit(3, 60)]) is None


def test_reset_is_the_seconds_to_wait():
    limiter, clock = limiter_and_clock()
    limiter.hit(MINE, [RateLimit(1, 60)])
    clock.now += 12.5
    refused = limiter.hit(MINE, [RateLimit(1, 60)])
    assert refused == RateLimitExceeded(1, 48)
    clock.now += 48
    assert limiter.hit(MINE, [RateLimit(1, 60)]) is None


def test_of_two_limits_whichever_is_hit_first():
    limiter, clock = limiter_and_clock()
    assert [limiter.hit(MINE, DUAL) for _ in range(51)][-1] == RateLimitExceeded(50, 1)
    for _ in range(19):
        clock.now += 1
        assert not any(limiter.hit(MINE, DUAL) for _ in range(50))
    clock.now += 1
    assert limiter.hit(MINE, DUAL) == RateLimitExceeded(1000, 40)


def test_of_two_limits_exceeded_the_one_that_resets_last_is_named():
    limiter, _ = limiter_and_clock()
    both = (RateLimit(2, 1), RateLimit(2, 60))
    assert [limiter.hit(MINE, both) for _ in range(3)][-1] == RateLimitExceeded(2, 60)


def test_a_refused_call_is_not_counted():
    limiter, clock = limiter_and_clock()
    both = (RateLimit(4, 60), RateLimit(2, 1))
    assert [limiter.hit(MINE, both) is None for _ in range(6)] == [True, True, False, False, False, False]
    clock.now += 1
    assert [limiter.hit(MINE, both) is None for _ in range(3)] == [True, True, False]
    clock.now += 1
    assert limiter.hit(MINE, both) == RateLimitExceeded(4, 58)


def test_apps_operations_and_tenants_do_not_share():
    limiter, _ = limiter_and_clock()
    one_call = [RateLimit(1, 1)]
    assert limiter.hit(MINE, one_call) is None
    assert limiter.hit(OTHERS, one_call) is None
    assert limiter.hit(("toy.note.get", *MINE[1:]), one_call) is None
    assert limiter.hit((MINE[0], "2", MINE[2]), one_call) is None
    assert limiter.hit(MINE, one_call) is not None


def test_a_clock_that_goes_back_opens_a_new_window():
    limiter, clock = limiter_and_clock()
    limiter.hit(MINE, [RateLimit(1, 60)])
    clock.now -= 3600
    assert limiter.hit(MINE, [RateLimit(1, 60)]) is None


def test_no_limit_and_limits_off_let_everything_pass():
    limiter, _ = limiter_and_clock()
    assert not any(limiter.hit(MINE, ()) for _ in range(100))
    off = RateLimiter(enabled=False)
    assert not any(off.hit(MINE, [RateLimit(1, 60)]) for _ in range(100))


def test_only_apps_that_called_lately_are_kept_in_memory():
    limiter, clock = limiter_and_clock()
    for number in range(10_000):
        limiter.hit(("toy.note.get", "1", str(number)), [RateLimit(1, 1)])
    clock.now += 61
    limiter.hit(MINE, [RateLimit(1, 1)])
    assert len(limiter._windows) == 1
