"""The house keeps its promises: every documented code is decided, every generated page is fresh."""

import pytest

from corehr.engines.rulebook import Unreachable
from corehr.entrypoints import docs
from corehr.entrypoints.app import COMMANDS, QUERIES, RULEBOOKS, check_rulebooks_match_spec
from corehr.gateway import spec as gateway_spec
from corehr.gateway.spec import SpecError
from corehr.kernel.errors import INVALID_FIELD, GatewayReason

SPEC = gateway_spec.load()
GRADES = {"doc", "sdk", "recorded", "reading"}


@pytest.mark.parametrize("operation", sorted({*COMMANDS, *QUERIES}))
def test_every_documented_code_is_a_rule_a_reason_or_a_written_never(operation):
    book, documented = RULEBOOKS[operation], set(SPEC.operations[operation].errors)
    bound = {row.code for row in book.rules}
    assert bound - {INVALID_FIELD} == documented
    for row in book.rules:
        assert callable(row.raised_by) or isinstance(row.raised_by, GatewayReason | Unreachable)
        assert row.interpretation
        assert row.evidence in GRADES


def test_a_contradiction_refuses_to_start():
    trimmed = type(SPEC)({id: o for id, o in SPEC.operations.items() if id != "v2.job_change.revoke"}, SPEC.events)
    with pytest.raises(SpecError, match=r"v2\.job_change\.revoke is built, but the spec does not have it"):
        check_rulebooks_match_spec(trimmed)


def test_every_violation_is_named_once_per_code():
    for book in RULEBOOKS.values():
        rows = [(row.code, row.name) for row in book.rules]
        assert len(rows) == len(set(rows)), book.operation


@pytest.mark.parametrize("page", sorted(docs.generated_pages()))
def test_generated_pages_are_fresh(page, request):
    path = request.config.rootpath / page
    assert path.read_text() == docs.generated_pages()[page], "run  make docs"
