"""The official Python SDK, unmodified, against a real server: what its response objects contain."""

import http.client
import json
import urllib.request
from contextlib import closing

import lark_oapi as lark
import pytest
from lark_oapi.api.corehr import v1, v2

from tests.server_process import Server, running_server
from tests.world import (
    APP_ALL,
    APP_NO_FIELD_SCOPES,
    APP_NO_SCOPES,
    APP_SECRETS,
    APP_STORE,
    CREATE_JOB_CHANGE_PATH,
    TENANT_TOKEN_PATH,
)

CORE = "people_corehr_id"


@pytest.fixture
def names(server):
    return server.sandbox("GET", "world")


def client(server: Server, app: str = APP_ALL) -> lark.Client:
    return lark.Client.builder().app_id(app).app_secret(APP_SECRETS[app]).domain(server.url).build()


def create(client, names, *, info=None, mode=1, id_type="open_id", employment_id=None, **body):
    active = names["employments"]["active"]
    ids = {"open_id": "open_id", "union_id": "union_id", "user_id": "user_id", "people_admin_id": "people_admin_id"}
    body_builder = (
        v1.CreateJobChangeRequestBody.builder()
        .transfer_mode(mode)
        .employment_id(employment_id or active[ids.get(id_type, "id")])
        .transfer_type_unique_identifier(body.pop("type", "internal_transfer"))
        .effective_date(body.pop("effective_date", "2026-03-01"))
        .transfer_info(info or target_department(names))
    )
    for name, value in body.items():
        body_builder = getattr(body_builder, name)(value)
    request = v1.CreateJobChangeRequest.builder().user_id_type(id_type).request_body(body_builder.build()).build()
    return client.corehr.v1.job_change.create(request)


def target_department(names):
    return v1.TransferInfo.builder().target_department(names["departments"]["other"]["id"]).build()


def revoke(client, id, operator):
    body = v2.RevokeJobChangeRequestBody.builder().operator_id(operator).build()
    request = v2.RevokeJobChangeRequest.builder().job_change_id(id).user_id_type(CORE).request_body(body).build()
    return client.corehr.v2.job_change.revoke(request)


def job_data_as_of(client, employment_id, day):
    body = v2.QueryEmployeesJobDataRequestBody.builder().employment_ids([employment_id]).data_date(day).build()
    request = v2.QueryEmployeesJobDataRequest.builder().page_size(10).user_id_type(CORE).request_body(body).build()
    response = client.corehr.v2.employees_job_data.query(request)
    assert response.success(), response.msg
    return response.data.items[0].job_datas[0]


def test_the_whole_path(server, names):
    """Created, found by its approvers, approved, taking effect, revoked: with the SDK alone."""
    sdk, active = client(server), names["employments"]["active"]
    flow = names["transfer_types"]["internal_transfer"]["flow_id"]
    created = create(sdk, names, mode=2, flow_id=flow)
    assert created.success(), created.msg
    assert (created.data.status, created.data.employment_id) == (0, active["open_id"])
    assert created.get_log_id()
    change, process = created.data.job_change_id, created.data.process_id

    for _ in range(2):
        tasks = server.sandbox("GET", f"records/processes/{process}")["tasks"]
        approver = next(t["approver"] for t in tasks if t["status"] == 1)
        listed = sdk.corehr.v2.approver.list(
            v2.ListApproverRequest.builder()
            .page_size(100).user_id(approver).user_id_type(CORE).approver_status(1).build()
        )  # fmt: skip
        task = next(t for t in listed.data.approver_list if t.process_id == process)
        response = sdk.corehr.v2.process_approver.update(
            v2.UpdateProcessApproverRequest.builder()
            .process_id(process).approver_id(task.approver_id).user_id_type(CORE)
            .request_body(v2.ProcessApprover.builder().status(3).user_id(approver).build()).build()
        )  # fmt: skip
        assert response.success(), response.msg

    server.sandbox("POST", "clock/advance", {"days": 60})
    assert job_data_as_of(sdk, active["id"], "2026-02-28").department_id == active["department"]
    assert job_data_as_of(sdk, active["id"], "2026-03-02").department_id == names["departments"]["other"]["id"]
    revoked = revoke(sdk, change, names["employments"]["process_admin"]["id"])
    assert (revoked.data.result, revoked.data.message) == (True, "成功")
    assert job_data_as_of(sdk, active["id"], "2026-03-02").department_id == active["department"]


@pytest.mark.parametrize("id_type", ["open_id", "union_id", "user_id", "people_admin_id", "people_corehr_id"])
def test_every_user_id_type_goes_in_and_comes_out(server, names, id_type):
    response = create(client(server), names, id_type=id_type)
    assert response.success(), response.msg
    active = names["employments"]["active"]
    assert response.data.employment_id == active["id" if id_type == CORE else id_type]


@pytest.mark.parametrize("id_type", ["open_department_id", "department_id", "people_corehr_department_id"])
def test_every_department_id_type_goes_in_and_comes_out(server, names, id_type):
    other = names["departments"]["other"]["id" if id_type == "people_corehr_department_id" else id_type]
    body_builder = (
        v1.CreateJobChangeRequestBody.builder()
        .transfer_mode(1).employment_id(names["employments"]["active"]["open_id"])
        .transfer_type_unique_identifier("internal_transfer").effective_date("2026-03-01")
        .transfer_info(v1.TransferInfo.builder().target_department(other).build())
    )  # fmt: skip
    request = v1.CreateJobChangeRequest.builder().department_id_type(id_type).request_body(body_builder.build()).build()
    response = client(server).corehr.v1.job_change.create(request)
    assert response.success(), response.msg
    assert response.data.transfer_info.target_department == other


def test_a_documented_error_is_read_by_the_sdk(server, names):
    response = create(client(server), names, employment_id=names["employments"]["leaver"]["open_id"])
    assert (response.code, response.msg) == (1160201, "Has pending offboarding")
    assert response.raw.status_code == 400
    assert response.get_log_id() == json.loads(response.raw.content)["error"]["log_id"]


@pytest.mark.parametrize(
    ("id_type", "code"),
    [
        ("open_id", 99992351),
        ("union_id", 99992364),
        ("user_id", 99992360),
        ("people_admin_id", 1160200),
        ("people_corehr_id", 1160200),
    ],
)
def test_an_unknown_employment_has_the_code_of_its_id_type(server, names, id_type, code):
    response = create(client(server), names, id_type=id_type, employment_id="nobody")
    assert (response.code, response.raw.status_code) == (code, 400)
    if code != 1160200:
        [violation] = json.loads(response.raw.content)["error"]["field_violations"]
        assert (violation["field"], violation["value"]) == ("employment_id", "nobody")
        assert f"not a valid {{{id_type}}} or not exists" in response.msg


def test_an_open_id_of_another_app_is_read_by_the_sdk(server, names):
    open_ids = names["employments"]["active"]["open_ids"]
    response = create(client(server), names, employment_id=open_ids[APP_STORE])
    assert (response.code, response.msg, response.raw.status_code) == (99992361, "open_id cross app", 400)
    assert create(client(server), names, employment_id=open_ids[APP_ALL]).success()


def test_custom_fields_are_merged_and_come_back_with_names_and_types(server, names):
    sdk, fields = client(server), names["employment_fields"]
    today = server.sandbox("GET", "clock")["now"][:10]

    def change(**texts):
        given = [
            v1.CustomFieldData.builder().custom_api_name(fields[name]["field_name"]).value(text).build()
            for name, text in texts.items()
        ]
        employment_change = v1.TranferEmploymentInfo.builder().custom_fields(given).build()
        info = v1.TransferInfo.builder().target_employment_change(employment_change).build()
        return create(sdk, names, info=info, effective_date=today)

    assert change(text="Ada", number="120").success()
    info = change(number="125.5").data.transfer_info
    shown = [
        (f.custom_api_name, f.name.zh_cn, f.name.en_us, f.type, f.value)
        for side in (info.original_employment_change, info.target_employment_change)
        for f in side.custom_fields
    ]
    number = (fields["number"]["field_name"], "通勤补贴", "Travel allowance", 3)
    assert shown == [(*number, "120.00"), (*number, "125.50")]
    assert change(text="Ada").code == 1160601
    assert change(enum="option_3").code == 99992402


def test_revoking_an_unknown_job_change(server, names):
    response = revoke(client(server), "7999999999999999999", names["employments"]["process_admin"]["id"])
    assert (response.code, response.msg, response.raw.status_code) == (1160001, "param is invalid", 400)


def test_revoking_without_being_process_administrator(server, names):
    """The code is 0 although the request is refused: only `result` shows the error."""
    sdk = client(server)
    created = create(sdk, names, mode=2, flow_id=names["transfer_types"]["internal_transfer"]["flow_id"])
    response = revoke(sdk, created.data.job_change_id, names["employments"]["no_admin"]["id"])
    assert (response.code, response.data.result) == (0, False)
    assert response.data.message


def test_an_app_without_scopes_receives_those_it_needs(server, names):
    response = create(client(server, APP_NO_SCOPES), names)
    assert response.code == 99991672
    subjects = [v["subject"] for v in json.loads(response.raw.content)["error"]["permission_violations"]]
    assert subjects == ["corehr:corehr", "corehr:job_change:write"]


def test_fields_without_scope_are_left_out_of_the_response(server, names):
    """App 003 has API scopes but no field scopes; its data range is empty, so this test creates an app."""
    new_app = server.sandbox(
        "POST", "apps", {"name": "plain", "type": "custom", "scopes": ["corehr:corehr"], "data_range": "all"}
    )
    info = (
        v1.TransferInfo.builder()
        .target_compensation_type("hourly").target_service_company(names["companies"]["other"]["id"])
        .target_department(names["departments"]["other"]["id"]).build()
    )  # fmt: skip
    employment_id = names["employments"]["active"]["id"]
    sdk = lark.Client.builder().app_id(new_app["app_id"]).app_secret(new_app["app_secret"]).domain(server.url).build()
    without = create(sdk, names, info=info, id_type=CORE, employment_id=employment_id).data.transfer_info
    employment_id = names["employments"]["active_2"]["id"]
    having = create(client(server), names, info=info, id_type=CORE, employment_id=employment_id).data.transfer_info
    assert (without.target_compensation_type, without.target_service_company) == (None, None)
    assert (having.target_compensation_type, having.target_service_company) == (
        "hourly",
        names["companies"]["other"]["id"],
    )
    assert without.target_department == having.target_department


def test_user_id_needs_its_own_scope(server, names):
    new_app = server.sandbox(
        "POST", "apps", {"name": "plain", "type": "custom", "scopes": ["corehr:corehr"], "data_range": "all"}
    )
    sdk = lark.Client.builder().app_id(new_app["app_id"]).app_secret(new_app["app_secret"]).domain(server.url).build()
    assert create(sdk, names, id_type="user_id").code == 99991672


def test_an_empty_data_range_sees_no_employment(server, names):
    response = create(
        client(server, APP_NO_FIELD_SCOPES), names, id_type=CORE, employment_id=names["employments"]["active"]["id"]
    )
    assert response.code == 1160200


def test_a_wrong_secret_is_reported_by_the_token_endpoint_with_http_200(server):
    body = json.dumps({"app_id": APP_ALL, "app_secret": "wrong"}).encode()
    with urllib.request.urlopen(f"{server.url}{TENANT_TOKEN_PATH}", data=body) as response:
        assert (response.status, json.load(response)["code"]) == (200, 10014)
    sdk = lark.Client.builder().app_id(APP_STORE).app_secret("wrong").domain(server.url).build()
    with pytest.raises(lark.core.exception.ObtainAccessTokenException):
        create(sdk, {"employments": {"active": {"open_id": "x"}}, "departments": {"other": {"id": "1"}}})


def test_headers_keep_the_case_that_the_sdk_reads(server):
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("POST", CREATE_JOB_CHANGE_PATH, body=b"{}")
        names = [name for name, _ in connection.getresponse().getheaders()]
    assert {"X-Tt-Logid", "X-Request-Id", "Content-Type"} <= set(names)


def test_an_unknown_path_is_plain_text_which_the_sdk_cannot_parse(server):
    with closing(http.client.HTTPConnection("127.0.0.1", server.port)) as connection:
        connection.request("GET", "/open-apis/corehr/v1/nothing")
        response = connection.getresponse()
        body = response.read()
    assert (response.status, response.getheader("Content-Type"), body) == (404, "text/plain", b"404 page not found")


def test_a_token_stays_valid_after_a_restart(own_server):
    """No SDK recovers from a rejected token, so tokens must stay valid over a restart."""
    server, names = own_server, own_server.sandbox("GET", "world")
    sdk = client(server)
    assert create(sdk, names).success()
    assert server.stop() == 0
    server.start()
    again = create(sdk, names, employment_id=names["employments"]["active_2"]["open_id"])
    assert again.success(), again.msg


def test_a_token_stays_valid_when_the_world_clock_advances(server, names):
    sdk = client(server)
    assert create(sdk, names, effective_date="2026-01-05").success()
    server.sandbox("POST", "clock/advance", {"days": 400})
    again = create(sdk, names, employment_id=names["employments"]["active_2"]["open_id"], effective_date="2027-03-01")
    assert again.success(), again.msg


def test_the_rate_limit_is_in_the_headers_of_the_error(db):
    with running_server(db, rate_limits=True) as server:
        names, sdk = server.sandbox("GET", "world"), client(server)
        responses = [revoke(sdk, "1", names["employments"]["process_admin"]["id"]) for _ in range(40)]
        limited = [response for response in responses if response.code == 99991400]
        assert limited
        assert limited[0].raw.status_code == 429
        assert limited[0].msg == "request trigger frequency limit"
        assert limited[0].raw.headers["x-ogw-ratelimit-limit"] == "5"
        assert limited[0].raw.headers["x-ogw-ratelimit-reset"] == "1"


def test_another_last_day_and_then_a_revoke(server, names):
    sdk, leaver = client(server), names["offboardings"]["Approved"]
    pair = v2.ObjectFieldData.builder().field_name("offboarding_date").value("2026-02-20").build()
    body = v2.EditOffboardingRequestBody.builder().offboarding_id(leaver["id"]).update_data([pair]).build()
    edited = sdk.corehr.v2.offboarding.edit(v2.EditOffboardingRequest.builder().request_body(body).build())
    assert edited.success(), edited.msg
    assert [(d.field_name, d.value) for d in edited.data.data] == [("offboarding_date", "2026-02-20")]
    record = server.sandbox("GET", f"records/offboardings/{leaver['id']}")
    assert record["offboarding_date"] == "2026-02-20"

    revoke_body = v2.RevokeOffboardingRequestBody.builder().offboarding_id(leaver["id"]).build()
    request = v2.RevokeOffboardingRequest.builder().request_body(revoke_body).build()
    assert sdk.corehr.v2.offboarding.revoke(request).success()
    again = sdk.corehr.v2.offboarding.revoke(request)
    assert (again.code, again.msg, again.raw.status_code) == (1160202, "offboarding has been withdrawn", 400)


def test_a_field_that_may_not_be_edited(server, names):
    pair = v2.ObjectFieldData.builder().field_name("status").value("Approved").build()
    id = names["offboardings"]["Approved"]["id"]
    body = v2.EditOffboardingRequestBody.builder().offboarding_id(id).update_data([pair]).build()
    response = client(server).corehr.v2.offboarding.edit(v2.EditOffboardingRequest.builder().request_body(body).build())
    assert (response.code, response.msg) == (1160623, "not allowed to edit this offboarding")


def test_a_pre_hire_is_withdrawn_once(server, names):
    sdk, id = client(server), names["pre_hires"]["preboarding"]["id"]
    body = v2.WithdrawOnboardingPreHireRequestBody.builder().pre_hire_id(id).withdraw_reason("another offer").build()
    request = v2.WithdrawOnboardingPreHireRequest.builder().request_body(body).build()
    first, second = (
        sdk.corehr.v2.pre_hire.withdraw_onboarding(request),
        sdk.corehr.v2.pre_hire.withdraw_onboarding(request),
    )
    assert (first.code, first.data.success) == (0, True)
    assert (second.code, second.msg) == (
        1161129,
        'Unable to submit this task as pre-hire is in the "Withdrawn" stage.',
    )
    record = server.sandbox("GET", f"records/pre_hires/{id}")
    assert (record["onboarding_status"], record["withdrawn_reason"]) == ("withdrawn", "another offer")


def employment_status_as_of(server, employment_id, day, known_at=None):
    """Return the status of an employment as of a day and, where a timestamp is given, as known at it."""
    known_at = f"&known={known_at.replace('+', '%2B')}" if known_at else ""
    record = server.sandbox("GET", f"records/employments/{employment_id}?on={day}{known_at}")
    return (record["version"] or {"body": {}})["body"].get("employment_status", "hired")


def test_an_offboarding_is_postponed_takes_effect_and_is_revoked(server, names):
    """An offboarding in February is postponed to March, takes effect at midnight and is revoked in April."""
    sdk, leaver = client(server), names["offboardings"]["Approved"]
    employment_id = leaver["employment_id"]
    pair = v2.ObjectFieldData.builder().field_name("offboarding_date").value("2026-03-20").build()
    body = v2.EditOffboardingRequestBody.builder().offboarding_id(leaver["id"]).update_data([pair]).build()
    assert sdk.corehr.v2.offboarding.edit(v2.EditOffboardingRequest.builder().request_body(body).build()).success()

    server.sandbox("PUT", "clock", {"now": "2026-03-20T23:59:00+08:00"})
    assert employment_status_as_of(server, employment_id, "2026-03-21") == "hired"
    server.sandbox("PUT", "clock", {"now": "2026-04-02T09:00:00+08:00"})
    assert (
        employment_status_as_of(server, employment_id, "2026-03-20"),
        employment_status_as_of(server, employment_id, "2026-03-21"),
    ) == ("hired", "terminated")
    late = create(sdk, names, id_type=CORE, employment_id=employment_id, effective_date="2026-03-21")
    assert late.code == 1160502
    known_at = server.sandbox("GET", "clock")["now"]

    server.sandbox("POST", "clock/advance", {"minutes": 5})
    revoke_body = v2.RevokeOffboardingRequestBody.builder().offboarding_id(leaver["id"]).build()
    assert sdk.corehr.v2.offboarding.revoke(
        v2.RevokeOffboardingRequest.builder().request_body(revoke_body).build()
    ).success()
    assert employment_status_as_of(server, employment_id, "2026-03-21") == "hired"
    assert employment_status_as_of(server, employment_id, "2026-03-21", known_at) == "terminated"
    back = create(sdk, names, id_type=CORE, employment_id=employment_id, effective_date="2026-04-02")
    assert back.success(), back.msg
