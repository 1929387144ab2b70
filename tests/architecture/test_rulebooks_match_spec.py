"""Every documented code is decided, and every generated page is up to date."""

import pytest

from corehr.app.features import COMMANDS, QUERIES, RULEBOOKS, check_rulebooks_match_spec
from corehr.engines.rulebook import Unreachable
from corehr.kernel.errors import INVALID_FIELD, SUCCESS, GatewayReason
from corehr.reference import generate
from corehr.spec import loader as gateway_spec
from corehr.spec.loader import SpecError

SPEC = gateway_spec.load()
EVIDENCE = {"doc", "sdk", "recorded", "inferred"}


@pytest.mark.parametrize("operation", sorted({*COMMANDS, *QUERIES}))
def test_every_documented_code_is_a_rule_a_reason_or_declared_unreachable(operation):
    rulebook, documented = RULEBOOKS[operation], set(SPEC.operations[operation].errors)
    bound = {rule.code for rule in rulebook.rules}
    assert bound - {INVALID_FIELD, SUCCESS} == documented
    for rule in rulebook.rules:
        assert callable(rule.raised_by) or isinstance(rule.raised_by, GatewayReason | Unreachable)
        assert rule.interpretation
        assert rule.evidence in EVIDENCE
        assert rule.message or rule.code != SUCCESS


def test_a_contradiction_prevents_the_start():
    trimmed = type(SPEC)({id: o for id, o in SPEC.operations.items() if id != "v2.job_change.revoke"}, SPEC.events)
    with pytest.raises(SpecError, match=r"v2\.job_change\.revoke is built, but the spec does not have it"):
        check_rulebooks_match_spec(trimmed)


def test_every_violation_is_named_once_per_code():
    for rulebook in RULEBOOKS.values():
        rules = [(rule.code, rule.name) for rule in rulebook.rules]
        assert len(rules) == len(set(rules)), rulebook.operation


@pytest.mark.parametrize("page", sorted(generate.generated_pages()))
def test_generated_pages_are_up_to_date(page, request):
    path = request.config.rootpath / page
    assert path.read_text() == generate.generated_pages()[page], "run  make docs"
