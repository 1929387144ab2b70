"""The command on processes: answering a task."""

from collections.abc import Mapping

from corehr.apps.scopes import DataRange
from corehr.engines.approvals import ProcessStatus
from corehr.engines.feature import ApprovalCallback
from corehr.hr.employees.employments import records as employments
from corehr.hr.processes import records, rules
from corehr.kernel.db import Tx


def answer_task(
    tx: Tx, request: rules.ApproverAnswer, data_range: DataRange, callbacks: Mapping[str, ApprovalCallback]
) -> None:
    """Answer a task; when this ends its process, call the callback of the process's subject kind."""
    process = records.get(tx, request.process_id)
    if process is not None:
        employments.lock(tx, process.employment_id)
        process = records.get(tx, request.process_id)
    case = rules.AnswerCase(tx, request, process, data_range)
    rules.ANSWER.check(case)
    assert process is not None
    status = records.answer_task(
        tx,
        process,
        case.tasks,
        request.task_id,
        approve=request.status == rules.APPROVE,
        reason=request.reason,
        by_system=request.by_system,
    )
    if status is not ProcessStatus.RUNNING:
        callbacks[process.subject_kind](tx, process.subject_id, status is ProcessStatus.FINISHED)
