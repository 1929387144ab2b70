"""What can be done with a pre-hire."""

from corehr.hr.pre_hires import records
from corehr.hr.pre_hires.rules import WITHDRAW, Withdrawal, WithdrawCase
from corehr.kernel.db import Tx


def withdraw(tx: Tx, asked: Withdrawal) -> None:
    """The onboarding of somebody who is still expected is called off."""
    id = asked.pre_hire_id
    case = WithdrawCase(tx, asked, records.hold(tx, id) if isinstance(id, str) else None)
    WITHDRAW.check(case)
    records.withdraw(tx, case.pre_hire, case.tasks, asked.reason, asked.app_id)
