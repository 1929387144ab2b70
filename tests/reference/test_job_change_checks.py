"""docs/job-change-checks.md decides every check of the platform's list, and names rules that exist."""

import re
from pathlib import Path

from corehr.hr.job_changes.rules.create import CREATE

PAGE = Path(__file__).resolve().parent.parent.parent / "docs" / "job-change-checks.md"
CHECKS_OF_THE_PLATFORM = 67


def rows():
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.read_text().splitlines()]
    return [row for row in cells if row[0].isdigit()]


def test_every_check_is_decided():
    assert [int(number) for number, *_ in rows()] == list(range(1, CHECKS_OF_THE_PLATFORM + 1))
    for number, _, _, v1, rule, reason in rows():
        assert reason if v1 == "kept for v2" else rule, number


def test_every_rule_raises_the_code_beside_it():
    codes = {(rule.name, str(rule.code)) for rule in CREATE.rules}
    named = [(rule.strip("`"), v1) for _, _, _, v1, rule, _ in rows() if rule]
    named += [(rule, code) for *_, reason in rows() for rule, code in re.findall(r"`(\w+)`, (\d+)", reason)]
    assert not set(named) - codes
