"""The status of a node, by the tasks of its approvers."""

import pytest

from corehr.engines.approvals import Task, TaskStatus
from corehr.hr.processes.records import _node_status

PENDING, DONE, REJECTED = TaskStatus.PENDING, TaskStatus.DONE, TaskStatus.REJECTED
WAITING, CANCELLED = TaskStatus.WAITING, TaskStatus.CANCELLED


@pytest.mark.parametrize(
    ("all_of", "statuses", "node"),
    [
        (False, [DONE, CANCELLED], DONE),
        (True, [DONE, CANCELLED], CANCELLED),
        (True, [DONE, DONE], DONE),
        (True, [DONE, PENDING], PENDING),
        (False, [CANCELLED, CANCELLED], CANCELLED),
        (False, [REJECTED, CANCELLED], REJECTED),
        (False, [WAITING, WAITING], WAITING),
    ],
    ids=["any of two", "all of two, recalled", "all of two", "one to come", "recalled", "rejected", "not yet"],
)
def test_the_status_of_a_node_follows_from_its_tasks(all_of, statuses, node):
    assert _node_status([Task("1", 0, "2", all_of, status) for status in statuses]) is node
