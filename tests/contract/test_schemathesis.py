"""Requests that /openapi.json allows and forbids, for every operation: each response is a documented one."""

import json
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any

import hypothesis
import pytest
import requests
import schemathesis
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from corehr.app.features import COMMANDS, QUERIES, RULEBOOKS
from corehr.kernel.db import encode_json
from corehr.kernel.errors import INVALID_FIELD, INVALID_TYPE
from corehr.reference.openapi import document
from corehr.spec import loader
from tests.server_process import Server, running_server
from tests.world import APP_ALL, APP_SECRETS, APP_STORE, TENANT_TOKEN_PATH

SPEC = loader.load()
DOCUMENT = encode_json(document(SPEC, (*COMMANDS, *QUERIES)))
CHECKS = [status_code_conformance, content_type_conformance, response_headers_conformance, response_schema_conformance]

# U+0000 is refused everywhere, which a schema cannot express; a path with another method is an unknown path
GENERATION = {"deterministic": True, "database": "none", "allow-x00": False, "with-security-parameters": False}
ANY_REQUESTS = {"generation": GENERATION, "phases": {"coverage": {"unexpected-methods": []}}}
ALLOWED_REQUESTS = {
    "generation": GENERATION | {"mode": "positive"},
    "phases": {"coverage": {"enabled": False}, "examples": {"enabled": False}},
}

DAYS = ["2026-01-05", "2026-01-31", "2026-03-01", "2030-01-01"]
RECORDS = {
    "approver": ["processes.waiting.approver_id"],
    "company": ["companies.active.id", "companies.disabled.id"],
    "cost_center": ["cost_centers.leaf.id", "cost_centers.parent.id"],
    "custom_field": [f"offboarding_fields.{name}.field_name" for name in ("text", "date", "number", "multi_enum")],
    "department": ["departments.other.?", "departments.disabled.?"],
    "employment": [f"employments.{name}.?" for name in ("active", "active_2", "manager", "process_admin", "leaver")],
    "flow": ["transfer_types.internal_transfer.flow_id"],
    "job": ["jobs.matching.id", "jobs.mismatching.id"],
    "job_change": [f"job_changes.{status}.id" for status in ("Approving", "Approved", "Transformed")],
    "location": ["locations.work_city.id", "locations.social_security_city.id"],
    "offboarding": [f"offboardings.{status}.id" for status in ("Approving", "Approved", "Withdrawn")],
    "pre_hire": ["pre_hires.preboarding.id", "pre_hires.withdrawn.id"],
    "process": ["processes.waiting.id"],
    "transfer_type": ["transfer_types.internal_transfer.id", "transfer_types.promotion.id"],
}
"""The paths of record ids in /sandbox/world, by what a field refers to; `?` stands for the requested type of id."""

BY_NAME = {
    "app_id": [APP_ALL, APP_STORE],
    "app_secret": [APP_SECRETS[APP_ALL], APP_SECRETS[APP_STORE]],
    "user_id": RECORDS["employment"],
}
ID_TYPES = {"employments": "user_id_type", "departments": "department_id_type"}


def operations(config: Any) -> Any:
    return schemathesis.openapi.from_dict(json.loads(DOCUMENT), config=schemathesis.Config.from_dict(config))


def operations_on_records(config: Any) -> Any:
    """Return the operations with fields that refer to existing records and near days, and with all required fields."""
    built = json.loads(DOCUMENT)
    for operation in (operation for path in built["paths"].values() for operation in path.values()):
        for parameter in operation.get("parameters", ()):
            parameter["schema"] = on_records(parameter["schema"], parameter["name"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = on_records(content["schema"])
            if documented := SPEC.operations.get(operation["operationId"]):
                content["schema"]["required"] = [field.name for field in documented.body if field.required]
    return schemathesis.openapi.from_dict(built, config=schemathesis.Config.from_dict(config))


def on_records(schema: Any, name: str = "") -> Any:
    if "properties" in schema:
        return schema | {
            "properties": {name: on_records(member, name) for name, member in schema["properties"].items()}
        }
    if "items" in schema:
        return schema | {"items": on_records(schema["items"], name)}
    values = [name for kind in schema.get("x-refers-to", ()) for name in RECORDS.get(kind, ())]
    values = values or BY_NAME.get(name) or (DAYS if name.endswith("_date") else [])
    return schema | {"enum": values} if values else schema


@pytest.fixture(scope="module")
def server(sqlite_template) -> Iterator[Server]:
    db = sqlite_template.copy()
    with running_server(db) as server:
        yield server
    sqlite_template.delete(db)


def malformed_codes(operation: str) -> set[int]:
    """Return the codes that mean only that a request does not match the schema of this operation."""
    rows = RULEBOOKS[operation].rules if operation in RULEBOOKS else ()
    return {INVALID_TYPE} if any(row.code == INVALID_FIELD for row in rows) else {INVALID_TYPE, INVALID_FIELD}


def with_ids(value: Any, world: Any, types: Mapping[str, Any]) -> Any:
    """Return the value with record names replaced by their ids, and whole floats by ints, which the API requires."""
    match value:
        case dict():
            return {name: with_ids(item, world, types) for name, item in value.items()}
        case list():
            return [with_ids(item, world, types) for item in value]
        case float() if value.is_integer():
            return int(value)
        case str() if any(value in names for names in RECORDS.values()):
            kind, record, id = value.split(".")
            type = types[ID_TYPES[kind]] if id == "?" else id
            return world[kind][record]["id" if type.startswith("people_corehr_") else type]
    return value


class ResponseChecker:
    """Sends the requests that schemathesis generates to a server, and checks the responses."""

    def __init__(self, server: Server, session: requests.Session) -> None:
        self.server, self.session = server, session
        self.world = server.sandbox("GET", "world")
        session.trust_env = False
        response = session.post(
            f"{server.url}{TENANT_TOKEN_PATH}", json={"app_id": APP_ALL, "app_secret": APP_SECRETS[APP_ALL]}
        )
        session.headers["Authorization"] = f"Bearer {response.json()['tenant_access_token']}"

    def check(self, case: Any) -> None:
        id, allowed = case.operation.definition.raw["operationId"], case.meta.generation.mode.is_positive
        query = SPEC.operations[id].query if id in SPEC.operations else ()
        types = {"user_id_type": "open_id", "department_id_type": "open_department_id"}
        types |= {field.name: field.default for field in query} | case.query
        case.path_parameters = with_ids(case.path_parameters, self.world, types)
        case.query, case.body = with_ids(case.query, self.world, types), with_ids(case.body, self.world, types)

        response = case.call(base_url=self.server.url, session=self.session)
        assert response.status_code < 500, response.text
        case.validate_response(response, checks=CHECKS)
        if allowed:
            assert response.json()["code"] not in malformed_codes(id), response.text


@pytest.fixture(scope="module")
def checker(server) -> Iterator[ResponseChecker]:
    with requests.Session() as session:
        yield ResponseChecker(server, session)


@operations(ANY_REQUESTS).parametrize()
@hypothesis.settings(max_examples=40, derandomize=True, deadline=None, database=None)
def test_every_response_is_documented_and_nothing_that_is_allowed_is_malformed(case, checker):
    checker.check(case)


@operations_on_records(ALLOWED_REQUESTS).parametrize()
@hypothesis.settings(max_examples=40, derandomize=True, deadline=None, database=None)
def test_every_response_to_a_request_about_real_records_is_documented(case, checker):
    checker.check(case)


def test_the_served_document_is_the_tested_one(server):
    with urllib.request.urlopen(f"{server.url}/openapi.json") as response:
        assert response.headers["Content-Type"] == "application/json"
        assert response.read() == DOCUMENT
