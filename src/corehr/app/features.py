"""The features of an installation, by chapter in the order in which a day needs them, and what follows from them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

from corehr.apps.handlers import Handler
from corehr.engines.feature import ApprovalCallback, Feature, RecordView
from corehr.engines.recipes import Recipes
from corehr.engines.rulebook import Rulebook
from corehr.hr.basic_data import features as basic_data
from corehr.hr.contracts import api as contracts
from corehr.hr.employees import features as employees
from corehr.hr.job_changes import api as job_changes
from corehr.hr.job_management import features as job_management
from corehr.hr.leave import features as leave
from corehr.hr.offboardings import api as offboardings
from corehr.hr.organization import features as organization
from corehr.hr.pre_hires import api as pre_hires
from corehr.hr.processes import api as processes
from corehr.hr.workforce_plans import api as workforce_plans
from corehr.kernel.errors import INVALID_FIELD, SUCCESS
from corehr.spec.fields import SpecError
from corehr.spec.loader import Spec

APPROVABLE_FEATURES: Final[Sequence[Feature]] = (
    *basic_data.FEATURES,
    *organization.FEATURES,
    *job_management.FEATURES,
    *leave.FEATURES,
    *employees.FEATURES,
    contracts.FEATURE,
    workforce_plans.FEATURE,
    job_changes.FEATURE,
    offboardings.FEATURE,
    pre_hires.FEATURE,
)
"""Features whose records can be subjects of approvals; their daily jobs run in this order."""

APPROVAL_CALLBACKS: Final[Mapping[str, ApprovalCallback]] = {
    kind: callback for f in APPROVABLE_FEATURES for kind, callback in f.approval_callbacks.items()
}

PROCESSES: Final = replace(
    processes.FEATURE,
    commands={"v2.process-approver.update": partial(processes.answer_task, APPROVAL_CALLBACKS)},
)
"""Answering the last task of a process calls back the feature whose record was its subject."""

FEATURES: Final[Sequence[Feature]] = (*APPROVABLE_FEATURES, PROCESSES)

COMMANDS: Final[Mapping[str, Handler]] = {id: h for f in FEATURES for id, h in f.commands.items()}
QUERIES: Final[Mapping[str, Handler]] = {id: h for f in FEATURES for id, h in f.queries.items()}
RULEBOOKS: Final[Mapping[str, Rulebook[Any]]] = {book.operation: book for f in FEATURES for book in f.rulebooks}
RECORD_VIEWS: Final[Mapping[str, RecordView]] = {kind: view for f in FEATURES for kind, view in f.record_views.items()}
RECIPES: Final[Mapping[str, Recipes]] = {id: recipes for f in FEATURES for id, recipes in f.recipes.items()}


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
