"""What can be done with a process: answering one of its tasks."""

from collections.abc import Callable, Mapping

from corehr.engines.approvals import ProcessStatus
from corehr.hr.employments import records as people
from corehr.hr.processes import records, rules
from corehr.kernel.db import Tx
from corehr.kernel.feature import ApprovalCallback


def answering(outcomes: Mapping[str, ApprovalCallback]) -> Callable[[Tx, rules.Answer], None]:
    """The verb that answers a task, and tells the subject's feature when the process ends because of it."""

    def answer(tx: Tx, asked: rules.Answer) -> None:
        process = records.get(tx, asked.process_id)
        if process is not None:
            people.lock(tx, process["employment_id"])
            process = records.get(tx, asked.process_id)
        case = rules.AnswerCase(tx, asked, process)
        rules.ANSWER.check(case)
        assert process is not None
        status = records.answer(
            tx,
            process,
            case.tasks,
            asked.task_id,
            approve=asked.status == rules.APPROVE,
            reason=asked.reason,
            by_system=asked.by_system,
        )
        if status is not ProcessStatus.RUNNING:
            outcomes[process["subject_kind"]](tx, process["subject_id"], status is ProcessStatus.FINISHED)

    return answer
