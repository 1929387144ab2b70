"""The command on processes: answering a task."""

from collections.abc import Callable, Mapping

from corehr.engines.approvals import ProcessStatus
from corehr.engines.feature import ApprovalCallback
from corehr.hr.employees.employments import records as employments
from corehr.hr.processes import records, rules
from corehr.kernel.db import Tx


def make_answer_task(callbacks: Mapping[str, ApprovalCallback]) -> Callable[[Tx, rules.ApproverAnswer], None]:
    """Return the command that answers a task and, when this ends the process, calls its subject kind's callback."""

    def answer_task(tx: Tx, request: rules.ApproverAnswer) -> None:
        process = records.get(tx, request.process_id)
        if process is not None:
            employments.lock(tx, process.employment_id)
            process = records.get(tx, request.process_id)
        case = rules.AnswerCase(tx, request, process)
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

    return answer_task
