"""Concurrent withdrawals of one pre-hire: one succeeds, the others are refused at once without waiting."""

from contextlib import nullcontext

from tests.hr.pre_hires.pre_hire_calls import (
    FLOW_CHANGED,
    OPERATION,
    UPDATED,
    create_pre_hire,
    id_of,
    record,
    withdraw,
    withdraw_call,
)

CONFLICT = (
    "A conflict occurred as multiple people are operating at the same time. "
    "Please refresh the page and try again later."
)


def test_twenty_withdrawals_of_one_pre_hire(world):
    id = id_of(world, "preboarding")
    before = [len(world.all_events(type)) for type in (UPDATED, FLOW_CHANGED)]
    responses = world.concurrently(withdraw_call(id, f"reason {n}") for n in range(20))
    (winner,) = [n for n, response in enumerate(responses) if response.code == 0]
    codes = {response.code for n, response in enumerate(responses) if n != winner}
    assert codes <= {1161116, 1161129}
    assert 1161116 in codes
    assert record(world, id)["withdrawn_reason"] == f"reason {winner}"
    assert [len(world.all_events(type)) for type in (UPDATED, FLOW_CHANGED)] == [n + 1 for n in before]


def test_without_a_shared_claim_the_row_lock_decides(world, monkeypatch):
    """As with two processes on one PostgreSQL: each waits for the row lock and sees the change of the one before."""
    monkeypatch.setattr(world.installation.gateway.claims, "claim", lambda *_: nullcontext())
    before = len(world.all_events(FLOW_CHANGED))
    codes = [response.code for response in world.concurrently([withdraw_call(id_of(world, "preboarding"))] * 20)]
    assert sorted(codes) == [0, *[1161129] * 19]
    assert len(world.all_events(FLOW_CHANGED)) == before + 1


def test_a_concurrent_withdrawal_is_refused_while_the_first_runs(world):
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "latency_ms": 300, "times": 1}])
    id = id_of(world, "day_one")
    first, second = world.concurrently([withdraw_call(id, "first"), withdraw_call(id, "second")])
    assert first.data == {"success": True}
    assert second.error() == (400, 1161116, CONFLICT)
    assert record(world, id)["withdrawn_reason"] == "first"


def test_other_pre_hires_do_not_wait(world):
    ids = [create_pre_hire(world) for _ in range(8)]
    assert [response.data for response in world.concurrently(map(withdraw_call, ids))] == [{"success": True}] * 8


def test_a_refused_withdrawal_releases_the_pre_hire(world):
    id = id_of(world, "preboarding")
    assert withdraw(world, id, "").code == 1161001
    world.sandbox("PUT", "faults", [{"operation": OPERATION, "code": 1161000, "times": 1}])
    assert withdraw(world, id).code == 1161000
    assert withdraw(world, id).data == {"success": True}
