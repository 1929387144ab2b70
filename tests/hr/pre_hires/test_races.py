"""Several at one pre-hire at one moment: one withdraws, whoever finds it claimed is told so and does not wait."""

from contextlib import nullcontext

from tests.hr.pre_hires.newcomers import MOVED, OPERATION, UPDATED, asking, expect, named, record, withdraw

CONFLICT = (
    "A conflict occurred as multiple people are operating at the same time. "
    "Please refresh the page and try again later."
)


def test_twenty_withdrawals_of_one_pre_hire(world):
    id = named(world, "preboarding")
    before = [len(world.heard_all(type)) for type in (UPDATED, MOVED)]
    answers = world.together(asking(id, f"reason {n}") for n in range(20))
    (winner,) = [n for n, answer in enumerate(answers) if answer.code == 0]
    codes = {answer.code for n, answer in enumerate(answers) if n != winner}
    assert codes <= {1161116, 1161129}
    assert 1161116 in codes
    assert record(world, id)["withdrawn_reason"] == f"reason {winner}"
    assert [len(world.heard_all(type)) for type in (UPDATED, MOVED)] == [n + 1 for n in before]


def test_where_claims_are_kept_apart_the_row_is_the_lock(world, monkeypatch):
    """As with two processes on one PostgreSQL: each waits its turn, and sees what the one before did."""
    monkeypatch.setattr(world.house.gateway.claims, "held", lambda *_: nullcontext())
    before = len(world.heard_all(MOVED))
    codes = [answer.code for answer in world.together([asking(named(world, "preboarding"))] * 20)]
    assert sorted(codes) == [0, *[1161129] * 19]
    assert len(world.heard_all(MOVED)) == before + 1


def test_who_finds_the_pre_hire_claimed_is_told_so_while_the_first_is_not_answered(world):
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "latency_ms": 300, "times": 1}])
    id = named(world, "day_one")
    first, second = world.together([asking(id, "first"), asking(id, "second")])
    assert first.data == {"success": True}
    assert second.says() == (400, 1161116, CONFLICT)
    assert record(world, id)["withdrawn_reason"] == "first"


def test_others_are_not_held_up(world):
    ids = [expect(world) for _ in range(8)]
    assert [answer.data for answer in world.together(map(asking, ids))] == [{"success": True}] * 8


def test_a_refused_withdrawal_leaves_the_pre_hire_free(world):
    id = named(world, "preboarding")
    assert withdraw(world, id, "").code == 1161001
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": 1161000, "times": 1}])
    assert withdraw(world, id).code == 1161000
    assert withdraw(world, id).data == {"success": True}
