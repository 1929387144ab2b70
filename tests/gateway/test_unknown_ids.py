"""Every id of every operation, in every id type: one that names nobody gets the platform's error."""

from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from corehr.app.features import RULEBOOKS
from corehr.apps.opaque_ids import encode_open_department_id, encode_open_id, encode_union_id
from corehr.hr.employees.employments import records as employments
from corehr.hr.organization import departments
from corehr.spec import loader
from corehr.spec.fields import Field
from tests.world import APP_ALL, APP_STORE, World

SPEC = loader.load()
GONE = "7999999999999999999"
USER_ID_CODES = {"open_id": 99992351, "union_id": 99992364, "user_id": 99992360}
DEPARTMENT_ID_CODES = {"open_department_id": 99992357, "department_id": 99992380}
ID_CODES = {99992361, *USER_ID_CODES.values(), *DEPARTMENT_ID_CODES.values()}
PLATFORM_TYPES = [
    ("open_id", "open_department_id"),
    ("union_id", "department_id"),
    ("user_id", "open_department_id"),
]

Path = tuple[str, ...]


def id_fields(fields: Sequence[Field], parent: Path = ()) -> Iterator[tuple[Path, str]]:
    """Yield the path of each field that has ids, with "[]" for an element of a list, and the parameter of its type."""
    for field in fields:
        inner, path = field, (*parent, field.name)
        while inner.item is not None:
            inner, path = inner.item, (*path, "[]")
        if inner.id_type is not None:
            yield path, inner.id_type
        yield from id_fields(inner.fields, path)


ID_FIELDS = {
    id: [
        *(("query", path, parameter) for path, parameter in id_fields(operation.query)),
        *(("body", path, parameter) for path, parameter in id_fields(operation.body)),
    ]
    for id, operation in SPEC.operations.items()
    if id in RULEBOOKS
}
WITH_IDS = [id for id, fields in ID_FIELDS.items() if fields]
IGNORED = "field_values_v2"
"""Fields of a form that corehr does not have: their ids are decoded, and no record is looked for."""


class Ids:
    """The ids of a world's people and departments in one pair of id types."""

    def __init__(self, world: World, user_id_type: str, department_id_type: str) -> None:
        self.world = world
        self.types = {"user_id_type": user_id_type, "department_id_type": department_id_type}
        self.server_key = world.installation.tenant.server_key

    def person(self, id: str, app: str = APP_ALL) -> str:
        match self.types["user_id_type"]:
            case "open_id":
                return encode_open_id(self.server_key, app, id)
            case "union_id":
                return encode_union_id(self.server_key, id)
            case "people_corehr_id":
                return id
            case external:
                employment = self.world.in_transaction(lambda tx: employments.get_existing(tx, id))
                return str(getattr(employment, external))

    def department(self, id: str) -> str:
        match self.types["department_id_type"]:
            case "open_department_id":
                return encode_open_department_id(self.server_key, id)
            case "department_id":
                [row] = self.world.in_transaction(lambda tx: departments.list_by_ids(tx, [id]))
                return str(row["department_id"])
        return id

    def named(self, name: str) -> str:
        return self.person(self.world.employment(name)["id"])

    def unknown(self, parameter: str) -> list[tuple[int, str]]:
        """Return ids that are none, and one of another app, with their codes."""
        id_type, manager = self.types[parameter], self.world.employment("manager")["id"]
        if parameter == "department_id_type":
            return [(DEPARTMENT_ID_CODES[id_type], id) for id in ("od-" + "0" * 32, "nowhere")]
        code = USER_ID_CODES[id_type]
        foreign = [(99992361, self.person(manager, APP_STORE))] if id_type == "open_id" else []
        return [(code, "ou_" + "0" * 32), (code, "nobody"), *foreign]

    def gone(self, parameter: str) -> tuple[int, str] | None:
        """Return an opaque id that was given out for a record that no longer exists, with its code, or None."""
        id_type = self.types[parameter]
        if id_type in ("user_id", "department_id"):
            return None
        if parameter == "department_id_type":
            return DEPARTMENT_ID_CODES[id_type], self.department(GONE)
        return USER_ID_CODES[id_type], self.person(GONE)


def valid_request(operation: str, ids: Ids) -> tuple[dict[str, Any], Any]:
    """Return query and body of a request that is accepted, with an id wherever a value is known."""
    world, named = ids.world, ids.world.named
    active = world.employment("active")
    manager, operator = ids.named("manager"), ids.named("process_admin")
    department = ids.department(named["departments"]["other"]["id"])
    match operation:
        case "v1.job_change.create":
            info = {
                "original_department": ids.department(active["department"]),
                "target_department": department,
                "original_direct_manager": ids.person(active["direct_manager"]),
                "target_direct_manager": manager,
                "target_dotted_manager": manager,
            }
            return {}, world.job_change_body(ids.named("active"), info, initiator_id=operator)
        case "v2.employees-job_data.query":
            body = {"employment_ids": [ids.named("active")], "department_id": ids.department(active["department"])}
            return {"page_size": 10}, body
        case "v2.approver.list":
            return {"page_size": 10, "user_id": manager}, None
        case "v2.process-approver.update":
            process = named["processes"]["waiting"]["id"]
            [task, *_] = world.pending_tasks(process)
            value = {"department_value": department, "employment_value": manager}
            fields = [{"variable_value": value, "sub_values": [{"key": "1", "value": value}]}]
            return {}, {"status": 3, "user_id": ids.person(task["approver"]), "field_values_v2": fields}
        case "v2.job_change.revoke":
            return {}, {"operator_id": operator}
        case "v2.offboarding.edit":
            data = [{"field_name": "reason_explanation", "value": "moves"}]
            offboarding = named["offboardings"]["Approved"]["id"]
            return {}, {"offboarding_id": offboarding, "operator_id": operator, "update_data": data}
    return {}, {"offboarding_id": named["offboardings"]["Approved"]["id"], "operator_id": operator}


def send(ids: Ids, operation: str, query: Any, body: Any) -> Any:
    waiting = ids.world.named["processes"]["waiting"]
    path = (
        SPEC.operations[operation]
        .path.replace(":job_change_id", ids.world.named["job_changes"]["NoNeedApproval"]["id"])
        .replace(":process_id", waiting["id"])
        .replace(":approver_id", waiting["approver_id"])
    )
    declared = {field.name for field in SPEC.operations[operation].query}
    types = {name: value for name, value in ids.types.items() if name in declared}
    return ids.world.call(SPEC.operations[operation].method, path, body, **types, **query)


def with_id(value: Any, path: Path, id: str) -> Any:
    """Return the request's value with `id` at the path, as the only element of a list."""
    if not path:
        return id
    if path[0] == "[]":
        return [with_id(value[0] if value else None, path[1:], id)]
    return {**(value or {}), path[0]: with_id((value or {}).get(path[0]), path[1:], id)}


def send_with_id(ids: Ids, operation: str, field: tuple[str, Path, str], id: str) -> Any:
    query, body = valid_request(operation, ids)
    section, path, _ = field
    if section == "query":
        return send(ids, operation, with_id(query, path, id), body)
    return send(ids, operation, query, with_id(body, path, id))


def names_field(response: Any, path: Path) -> bool:
    [violation] = response.json["error"]["field_violations"]
    return bool(violation["field"] == ".".join(path).replace(".[]", "[0]"))


@pytest.mark.parametrize(("user_id_type", "department_id_type"), PLATFORM_TYPES)
@pytest.mark.parametrize("operation", WITH_IDS)
def test_an_unknown_id_is_the_platforms_error_and_its_neighbour_is_accepted(
    world, operation, user_id_type, department_id_type
):
    ids = Ids(world, user_id_type, department_id_type)
    before = world.fingerprint()
    for field in ID_FIELDS[operation]:
        gone = ids.gone(field[2])
        cases = ids.unknown(field[2]) + ([gone] if gone and IGNORED not in field[1] else [])
        for code, unknown in cases:
            response = send_with_id(ids, operation, field, unknown)
            assert (response.status, response.code) == (400, code), (field, unknown, response.body)
            assert names_field(response, field[1])
            if code != 99992361:
                assert f"Invalid ids: [{unknown}]" in response.json["msg"]
    assert world.fingerprint() == before

    send(ids, operation, *valid_request(operation, ids)).assert_ok()


def test_an_operation_without_id_types_has_no_such_error():
    assert set(ID_FIELDS) - set(WITH_IDS) == {"v2.pre_hire.withdraw_onboarding"}


@pytest.mark.parametrize(
    ("operation", "field", "code"),
    [
        ("v1.job_change.create", "employment_id", 1160200),
        ("v1.job_change.create", "initiator_id", 99992402),
        ("v2.job_change.revoke", "operator_id", 1160001),
        ("v2.approver.list", "user_id", 1160001),
        ("v2.process-approver.update", "user_id", 1161003),
        ("v2.offboarding.edit", "operator_id", 1160624),
        ("v2.offboarding.revoke", "operator_id", 1160102),
    ],
)
def test_a_corehr_id_that_names_nobody_keeps_the_operations_own_code(world, operation, field, code):
    people_admin = ["people_admin_id"] if operation.split(".")[1] == "job_change" else []  # the platform has no code
    section = "query" if operation == "v2.approver.list" else "body"
    ids = Ids(world, "people_corehr_id", "people_corehr_department_id")
    for user_id_type in (*people_admin, "people_corehr_id"):
        ids.types["user_id_type"] = user_id_type
        for unknown in (GONE, "ou_nobody"):
            assert send_with_id(ids, operation, (section, (field,), ""), unknown).code == code
    send(ids, operation, *valid_request(operation, ids)).assert_ok()


@pytest.mark.parametrize("user_id_type", ["open_id", "user_id", "people_corehr_id"])
@pytest.mark.parametrize("operation", WITH_IDS)
def test_an_empty_id_is_absent_or_the_operations_own_error(world, operation, user_id_type):
    ids = Ids(world, user_id_type, "open_department_id")
    required = {
        "v1.job_change.create": ("employment_id", 1160200),
        "v2.job_change.revoke": ("operator_id", 1160001),
        "v2.approver.list": ("user_id", 1160001),
        "v2.process-approver.update": ("user_id", 1161002),  # unless the system answers in the approver's place
    }
    name, code = required.get(operation, (None, 0))
    if name is not None:
        section = "query" if operation == "v2.approver.list" else "body"
        assert send_with_id(ids, operation, (section, (name,), ""), "").code == code
    query, body = valid_request(operation, ids)
    for section, path, _ in ID_FIELDS[operation]:
        if path[0] != name and "employment_ids" not in path:
            assert section == "body"
            body = with_id(body, path, "")
    if operation == "v1.job_change.create":
        body["transfer_info"]["target_department"] = ids.department(world.named["departments"]["other"]["id"])
    send(ids, operation, query, body).assert_ok()


def test_a_manager_may_be_given_by_corehr_id_whatever_the_id_type(world):
    ids = Ids(world, "open_id", "open_department_id")
    field = ("body", ("transfer_info", "target_direct_manager"), "user_id_type")
    operation = "v1.job_change.create"
    assert send_with_id(ids, operation, field, GONE).code == 1164001
    send_with_id(ids, operation, field, world.employment("manager")["id"]).assert_ok()


def test_a_refusal_by_a_rule_keeps_its_code_when_every_id_names_a_record(world):
    ids = Ids(world, "open_id", "open_department_id")
    query, body = valid_request("v1.job_change.create", ids)
    response = send(ids, "v1.job_change.create", query, body | {"employment_id": ids.named("leaver")})
    assert response.error() == (400, 1160201, "Has pending offboarding")


def test_the_platforms_error_comes_before_those_of_the_rules_and_after_those_of_the_schema(world):
    ids = Ids(world, "open_id", "open_department_id")
    query, body = valid_request("v1.job_change.create", ids)
    for unknown in ("nobody", ids.person(GONE)):
        wrong = body | {"employment_id": unknown, "transfer_type_unique_identifier": "no_type"}
        assert send(ids, "v1.job_change.create", query, wrong).code == 99992351
        assert send(ids, "v1.job_change.create", query, wrong | {"transfer_mode": 3}).code == 99992402
    by_rule = body | {"transfer_type_unique_identifier": "no_type"}
    assert send(ids, "v1.job_change.create", query, by_rule).code == 1160100
