"""The features of an installation, in order, and the tables that follow from them."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from corehr.apps.handlers import Handler
from corehr.engines.feature import ApprovalCallback, Feature, RecordView
from corehr.engines.rulebook import Rulebook
from corehr.hr.employees.job_datas.api import FEATURE as JOB_DATAS
from corehr.hr.job_changes.api import FEATURE as JOB_CHANGES
from corehr.hr.offboardings.api import FEATURE as OFFBOARDINGS
from corehr.hr.pre_hires.api import FEATURE as PRE_HIRES
from corehr.hr.processes import api as processes
from corehr.kernel.errors import INVALID_FIELD, SUCCESS
from corehr.spec.fields import SpecError
from corehr.spec.loader import Spec

APPROVABLE_FEATURES: Final[Sequence[Feature]] = (JOB_DATAS, JOB_CHANGES, OFFBOARDINGS, PRE_HIRES)
"""Features whose records can be subjects of approvals, in the order in which their daily jobs run."""

APPROVAL_CALLBACKS: Final[Mapping[str, ApprovalCallback]] = {
    kind: callback for f in APPROVABLE_FEATURES for kind, callback in f.approval_callbacks.items()
}

FEATURES: Final[Sequence[Feature]] = (*APPROVABLE_FEATURES, processes.feature(APPROVAL_CALLBACKS))

COMMANDS: Final[Mapping[str, Handler]] = {id: h for f in FEATURES for id, h in f.commands.items()}
QUERIES: Final[Mapping[str, Handler]] = {id: h for f in FEATURES for id, h in f.queries.items()}
RULEBOOKS: Final[Mapping[str, Rulebook[Any]]] = {book.operation: book for f in FEATURES for book in f.rulebooks}
RECORD_VIEWS: Final[Mapping[str, RecordView]] = {kind: view for f in FEATURES for kind, view in f.record_views.items()}


def check_rulebooks_match_spec(spec: Spec) -> None:
    """Raise SpecError if an operation or code is not documented, or if a documented code is bound in no rulebook."""
    for id in (*COMMANDS, *QUERIES, *RULEBOOKS):
        if id not in spec.operations:
            raise SpecError(f"{id} is built, but the spec does not have it: import it with tools/import_spec.py")
    for id, book in RULEBOOKS.items():
        documented, covered = set(spec.operations[id].errors), {rule.code for rule in book.rules}
        if missing := sorted(documented - covered):
            raise SpecError(
                f"{id} documents {missing}: bind each to a rule, a GatewayReason or an Unreachable in its rulebook"
            )
        if undocumented := sorted(covered - documented - {INVALID_FIELD, SUCCESS}):
            raise SpecError(
                f"{id} raises {undocumented}, which its page does not have: take the rule out of its rulebook"
            )
