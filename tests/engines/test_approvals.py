"""Approvals: any-of and all-of nodes, one after the other; one rejection ends it."""

from corehr.engines.approvals import ProcessStatus, Task, TaskStatus, answered, begun, ended


def tasks(*nodes, all_of=False):
    """Tasks of nodes given as strings of approvers: `tasks("ab", "c")`."""
    return [Task(a, n, a, all_of, TaskStatus.WAITING) for n, approvers in enumerate(nodes) for a in approvers]


def statuses(verdict):
    return {t.id: t.status.name for t in verdict.tasks}


def test_only_the_first_node_is_handed_out():
    verdict = begun(tasks("ab", "c"))
    assert statuses(verdict) == {"a": "OPEN", "b": "OPEN", "c": "WAITING"}
    assert verdict.status is ProcessStatus.RUNNING


def test_a_flow_that_asks_nobody_is_finished_at_once():
    assert begun([]).status is ProcessStatus.FINISHED


def test_any_of_passes_with_the_first_approval_and_calls_the_others_off():
    verdict = answered(begun(tasks("ab", "c")).tasks, "a", approve=True)
    assert statuses(verdict) == {"a": "DONE", "b": "CANCELLED", "c": "OPEN"}
    assert verdict.status is ProcessStatus.RUNNING


def test_all_of_waits_for_everyone():
    verdict = answered(begun(tasks("ab", all_of=True)).tasks, "a", approve=True)
    assert statuses(verdict) == {"a": "DONE", "b": "OPEN"}
    assert answered(verdict.tasks, "b", approve=True).status is ProcessStatus.FINISHED


def test_a_rejection_ends_the_process_and_calls_off_what_is_open():
    verdict = answered(begun(tasks("ab", "c")).tasks, "b", approve=False)
    assert statuses(verdict) == {"a": "CANCELLED", "b": "REJECTED", "c": "WAITING"}
    assert verdict.status is ProcessStatus.REJECTED


def test_ending_from_outside_keeps_what_was_answered():
    verdict = ended(answered(begun(tasks("a", "b")).tasks, "a", approve=True).tasks, ProcessStatus.RECALLED)
    assert statuses(verdict) == {"a": "DONE", "b": "CANCELLED"}
    assert verdict.status is ProcessStatus.RECALLED
