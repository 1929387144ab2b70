"""The approval engine: any-of and all-of nodes run one after the other, and one rejection ends the process."""

from corehr.engines.approvals import ProcessStatus, Task, TaskStatus, answer, cancel, start


def tasks(*nodes, all_of=False):
    """Return the tasks of nodes that are given as strings of approvers: `tasks("ab", "c")`."""
    return [Task(a, n, a, all_of, TaskStatus.WAITING) for n, approvers in enumerate(nodes) for a in approvers]


def statuses(decision):
    return {t.id: t.status.name for t in decision.tasks}


def test_only_the_first_node_is_handed_out():
    decision = start(tasks("ab", "c"))
    assert statuses(decision) == {"a": "PENDING", "b": "PENDING", "c": "WAITING"}
    assert decision.status is ProcessStatus.RUNNING


def test_a_flow_without_approvers_is_finished_at_once():
    assert start([]).status is ProcessStatus.FINISHED


def test_any_of_passes_with_the_first_approval_and_cancels_the_others():
    decision = answer(start(tasks("ab", "c")).tasks, "a", approve=True)
    assert statuses(decision) == {"a": "DONE", "b": "CANCELLED", "c": "PENDING"}
    assert decision.status is ProcessStatus.RUNNING


def test_all_of_waits_for_every_approver():
    decision = answer(start(tasks("ab", all_of=True)).tasks, "a", approve=True)
    assert statuses(decision) == {"a": "DONE", "b": "PENDING"}
    assert answer(decision.tasks, "b", approve=True).status is ProcessStatus.FINISHED


def test_a_rejection_ends_the_process_and_cancels_pending_tasks():
    decision = answer(start(tasks("ab", "c")).tasks, "b", approve=False)
    assert statuses(decision) == {"a": "CANCELLED", "b": "REJECTED", "c": "WAITING"}
    assert decision.status is ProcessStatus.REJECTED


def test_cancelling_keeps_what_was_answered():
    decision = cancel(answer(start(tasks("a", "b")).tasks, "a", approve=True).tasks, ProcessStatus.RECALLED)
    assert statuses(decision) == {"a": "DONE", "b": "CANCELLED"}
    assert decision.status is ProcessStatus.RECALLED
