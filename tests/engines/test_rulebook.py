"""A rulebook: what the violations bound to 99992402 return."""

import pytest

from corehr.engines.rulebook import Rule, Rulebook, invalid_field
from corehr.kernel.errors import INVALID_FIELD, BusinessError


def is_negative(number):
    return number < 0


def check(violation, number):
    Rulebook("v1.toy.get", [Rule(INVALID_FIELD, violation, "the number is negative")]).check(number)


def test_an_invalid_field_is_named_in_the_field_violation():
    check(invalid_field(is_negative, "toy.number"), 0)
    with pytest.raises(BusinessError) as error:
        check(invalid_field(is_negative, "toy.number", "number is negative"), -1)
    assert error.value.field_violations == [{"field": "toy.number", "description": "number is negative"}]
    assert error.value.refused_by == "is_negative"


@pytest.mark.parametrize("violation", [is_negative, lambda number: {"field": "number"}])
def test_an_incomplete_field_violation_fails(violation):
    with pytest.raises(AssertionError):
        check(violation, -1)
