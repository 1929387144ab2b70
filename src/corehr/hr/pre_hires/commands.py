"""The command on pre-hires: withdrawing an onboarding."""

from corehr.hr.pre_hires import records
from corehr.hr.pre_hires.rules import WITHDRAW, WithdrawCase, WithdrawOnboarding
from corehr.kernel.db import Tx


def withdraw(tx: Tx, request: WithdrawOnboarding) -> None:
    """Lock the pre-hire, check WITHDRAW and withdraw the onboarding."""
    id = request.pre_hire_id
    case = WithdrawCase(tx, request, records.lock(tx, id) if isinstance(id, str) else None)
    WITHDRAW.check(case)
    records.withdraw(tx, case.pre_hire, case.tasks, request.reason, request.app_id)
