"""Every recipe of GET /sandbox/world gets exactly its code and changes nothing."""

import re
from datetime import datetime

import pytest

from corehr import demo
from corehr.app import schema
from corehr.app.features import RECIPES, RULEBOOKS
from corehr.sandbox.recipes import DemoCompanyContext
from corehr.spec import loader as gateway_spec
from tests.world import APP_ALL, World

SPEC = gateway_spec.load()
MADE_BY_FAULT_DESPITE_RULE = {
    "v2.employees-job_data.query": {1160023},
    "v2.offboarding.edit": {1160610},
    "v2.pre_hire.withdraw_onboarding": {1161097},
}
"""Codes that a rule raises, but never for the app of the recipes, which has every scope and data range."""

UNDOCUMENTED = (400, "field validation failed")
"""Status and message of 99992402, the one code that a rule may raise although the page does not have it."""

START_TIMES = (
    "2024-02-29T23:00:00+08:00",
    "2026-12-31T16:30:00+00:00",
    "2025-01-31T00:00:01+08:00",
    "2030-06-30T12:00:00Z",
)


def send(world: World, call):
    """Send one call of a recipe, as the app that has every scope, and return the response."""
    app = APP_ALL if call["path"].startswith("/open-apis/") else None
    return world.request(call["method"], call["path"], call["body"], query=call["query"], app=app)


def failing_recipes(world: World, operation: str):
    """Return the code and the response of each recipe that got another response, or changed a row."""
    found = []
    for code, recipe in world.named["recipes"][operation].items():
        for call in recipe["setup"]:
            assert send(world, call).status == 200
        before = world.fingerprint()
        response = send(world, recipe["request"])
        status, message = SPEC.operations[operation].errors.get(int(code), UNDOCUMENTED)
        as_documented = re.fullmatch(re.sub(r"\\{\\{\w+\\}\\}", ".+", re.escape(message)), response.json["msg"])
        if (
            (response.status, response.code) != (status, int(code))
            or not as_documented
            or world.fingerprint() != before
        ):
            found.append((code, response.error()))
    return found


@pytest.mark.parametrize("operation", RECIPES)
def test_each_recipe_gets_its_code_and_changes_nothing(world, operation):
    assert failing_recipes(world, operation) == []


@pytest.mark.parametrize("operation", RECIPES)
def test_the_valid_request_succeeds(world, operation):
    context = DemoCompanyContext(world.named, world.today())

    send(world, RECIPES[operation].valid(context)).assert_ok()


@pytest.mark.parametrize("operation", RECIPES)
def test_every_code_that_is_documented_or_bound_to_a_violation_has_a_recipe(world, operation):
    codes = {int(code) for code in world.named["recipes"][operation]}

    assert codes == SPEC.operations[operation].errors.keys() | RULEBOOKS[operation].violation_codes()


@pytest.mark.parametrize("operation", RECIPES)
def test_only_codes_that_no_state_raises_need_a_fault(world, operation):
    by_fault = {
        int(code)
        for code, recipe in world.named["recipes"][operation].items()
        if any(call["path"] == "/sandbox/faults" for call in recipe["setup"])
    }

    assert by_fault & RULEBOOKS[operation].violation_codes() == MADE_BY_FAULT_DESPITE_RULE.get(operation, set())


@pytest.mark.parametrize("now", START_TIMES)
def test_recipes_work_for_every_start_time(tmp_path, now):
    url = f"sqlite:///{tmp_path}/demo.db"
    schema.upgrade(url)
    demo.prepare(url, employees=60, now=datetime.fromisoformat(now))
    world = World(url)
    try:
        assert {operation: failing_recipes(world, operation) for operation in RECIPES} == {
            operation: [] for operation in RECIPES
        }
    finally:
        world.close()
