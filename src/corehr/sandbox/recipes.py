"""The catalogue of recipes: for every code that is documented or bound to a violation, a request that gets it.

A recipe works in a new demo company; where no state raises a code, it sets a fault first.
"""

from typing import Any

from corehr.app.features import RECIPES, RULEBOOKS
from corehr.demo.dates import add_days
from corehr.demo.demo_build import NamedRecords
from corehr.engines.recipes import RecipeCall
from corehr.kernel.clock import IsoDate
from corehr.spec.loader import Spec

Recipe = dict[str, Any]
"""`setup`, a list of calls to make first, and `request`; each call has method, path, query and body."""


class DemoCompanyContext:
    """The RecipeContext of a demo company."""

    def __init__(self, named_records: NamedRecords, today: IsoDate) -> None:
        self.named_records, self.today = named_records, today

    def fact(self, kind: str, name: str, key: str = "id") -> Any:
        """Return one fact of a named record, its id by default."""
        return self.named_records[kind][name][key]

    def day(self, days: int) -> IsoDate:
        """Return the date `days` days after today, before it when negative."""
        return add_days(self.today, days)


def build_recipes(named_records: NamedRecords, spec: Spec, today: IsoDate) -> dict[str, dict[str, Recipe]]:
    """Return the recipes by operation and code; each is `{"setup": […], "request": {…}}`."""
    context = DemoCompanyContext(named_records, today)
    by_operation: dict[str, dict[str, Recipe]] = {}
    for operation, recipes in RECIPES.items():
        refused = recipes.refused(context)
        codes = published_codes(operation, spec)
        assert refused.keys() <= codes, f"{operation} does not return {sorted(refused.keys() - codes)}"
        by_operation[operation] = {
            str(code): _by_state(refused[code])
            if code in refused
            else _by_fault(operation, code, recipes.valid(context))
            for code in sorted(codes)
        }
    return by_operation


def published_codes(operation: str, spec: Spec) -> frozenset[int]:
    """Return the codes of an operation that have a recipe: those of its page, and others that a violation raises."""
    return RULEBOOKS[operation].violation_codes() | spec.operations[operation].errors.keys()


def _by_state(call: RecipeCall) -> Recipe:
    return {"setup": [], "request": call}


def _by_fault(operation: str, code: int, valid: RecipeCall) -> Recipe:
    fault = {"operation": operation, "code": code, "times": 1}
    set_fault = {"method": "PUT", "path": "/sandbox/faults", "query": {}, "body": [fault]}
    return {"setup": [set_fault], "request": valid}
