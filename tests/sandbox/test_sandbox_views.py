"""The sandbox's request log, records and events, and the apps and people that it creates."""

from tests.world import APP_SECRETS, CREATE_JOB_CHANGE_PATH, TENANT_TOKEN_PATH


def sandbox_error(world, path, body=None, method="PUT", **query):
    """Call the sandbox, expect an error, and return its status and reason."""
    response = world.request(method, f"/sandbox/{path}", body, query=query)
    assert isinstance(response.json["error"], str)
    assert "\n" not in response.json["error"]
    return response.status, response.json["error"]


def request_move(world, name="active", department="other", **body):
    """Request an employee's move to another department and return the response."""
    info = {"target_department": world.named["departments"][department]["id"]}
    return world.create_job_change(world.employment(name)["id"], info, **body)


def move_employee(world, *employee_and_target, **body):
    """Move an employee to another department and return the id of the job change."""
    return request_move(world, *employee_and_target, **body).data["job_change_id"]


# -- request log ---------------------------------------------------------------------------------------------------


def test_requests_are_logged_with_the_rule_that_refused_them(world):
    request_move(world, "leaver")

    last = world.sandbox("GET", "requests", limit=1)["items"][0]

    assert (last["method"], last["path"], last["operation"]) == ("POST", CREATE_JOB_CHANGE_PATH, "v1.job_change.create")
    assert (last["status"], last["code"], last["rule"]) == (400, 1160201, "has_pending_offboarding")
    assert last["body"]["transfer_mode"] == 1
    assert last["answer"]["code"] == 1160201
    assert last["log_id"] == last["answer"]["error"]["log_id"]
    assert last["app"] == "cli_a000000000000001"


def test_secrets_tokens_ids_and_accounts_are_masked(world):
    app_id, secret = next(iter(APP_SECRETS.items()))
    token = world.request("POST", TENANT_TOKEN_PATH, {"app_id": app_id, "app_secret": secret}).json[
        "tenant_access_token"
    ]
    private = {
        "bank_account_number": "6222020200112233",
        "national_id_number": "11010519491231002X",
        "items": [{"field_name": "bank_account_number", "value": "6222020200112233"}],
        "page_token": "7",
        "remark": "身份证11010519491231002X, 11010519491231002x",
        "log_id": "202611200956127330D2455FA1CD9CC62D",
        "employment_id": "6871947673600000001",
    }
    world.request("POST", CREATE_JOB_CHANGE_PATH, private, headers={"authorization": f"Bearer {token}"})

    text = world.request("GET", "/sandbox/requests").body.decode()
    logged = world.sandbox("GET", "requests")["items"][-1]["body"]

    assert not [hidden for hidden in (secret, token, "6222020200112233", "1101051949") if hidden in text]
    assert [logged[name] for name in ("page_token", "employment_id", "log_id")] == [
        private[name] for name in ("page_token", "employment_id", "log_id")
    ]


def test_a_body_that_is_not_json_is_logged_by_its_length(world):
    world.request("POST", CREATE_JOB_CHANGE_PATH, b'{"app_secret": "half a sec', app="cli_a000000000000001")

    assert world.sandbox("GET", "requests", limit=1)["items"][0]["body"] == "(no JSON, 26 bytes)"


def test_an_invalid_limit_is_refused(world):
    for limit in ("0", "-1", "1001", "x", "1e3", "", "９"):
        assert sandbox_error(world, "requests", method="GET", limit=limit)[0] == 400


# -- records -------------------------------------------------------------------------------------------------------


def test_a_record_is_read_as_of_a_day_and_as_known_at_a_moment(world):
    active, other = world.employment("active"), world.named["departments"]["other"]["id"]
    world.advance(days=3)
    before = world.sandbox("GET", "clock")["now"]
    move_employee(world, effective_date="2026-01-06")
    path = f"records/job_datas/{active['job_data_id']}"

    assert world.sandbox("GET", path)["version"]["body"]["department_id"] == other
    assert world.sandbox("GET", path, on="2026-01-05")["version"]["body"]["department_id"] == active["department"]
    assert world.sandbox("GET", path, known=before)["version"]["body"]["department_id"] == active["department"]
    assert len(world.sandbox("GET", path)["versions"]) == 2
    assert len(world.sandbox("GET", path, known=before)["versions"]) == 1


def test_every_record_with_a_name_can_be_read(world):
    kinds = set(world.named) - {"recipes", "apps"}
    missing = [
        (kind, name)
        for kind in sorted(kinds)
        for name, facts in world.named[kind].items()
        if world.request("GET", f"/sandbox/records/{kind}/{facts['id']}").status != 200
    ]

    assert missing == []


def test_an_employment_is_read_with_its_timelines(world):
    active = world.employment("active")
    record = world.sandbox("GET", f"records/employments/{active['id']}")

    assert (record["user_id"], record["onboarding_date"]) == (active["user_id"], active["onboarding_date"])
    assert record["version"]["body"]["seniority_date"] == active["onboarding_date"]
    assert record["job_data"]["version"]["body"]["department_id"] == active["department"]
    contract = world.sandbox("GET", f"records/contracts/{record['contract_ids'][0]}")
    assert contract["employment_id"] == active["id"]
    assert contract["version"]["body"]["contract_end_date"] == active["contract_end_date"]


def test_a_deleted_contract_is_listed_as_known_before_alone(world):
    id = world.employment("active")["id"]
    before = world.sandbox("GET", f"records/employments/{id}")["contract_ids"]
    renewal = world.create_job_change(id, {"target_contract_start_date": world.today()}).data["job_change_id"]
    signed = world.sandbox("GET", f"records/employments/{id}")["contract_ids"]
    world.advance(hours=1)
    known = world.sandbox("GET", "clock")["now"]
    world.advance(hours=1)
    world.revoke(renewal).assert_ok()

    assert world.sandbox("GET", f"records/employments/{id}")["contract_ids"] == before
    assert world.sandbox("GET", f"records/employments/{id}", known=known)["contract_ids"] == signed
    for contract_id in signed:
        found = world.request("GET", f"/sandbox/records/contracts/{contract_id}").status == 200
        assert found == (contract_id in before)


def test_an_unknown_record_or_kind_is_not_found(world):
    for path in ("employments/1", "dragons/1", "employments/%00", "employments", ""):
        assert world.request("GET", f"/sandbox/records/{path}").status == 404


def test_an_employment_is_unknown_before_it_was_created(world):
    assert (
        sandbox_error(
            world, f"records/employments/{world.employment('active')['id']}", None, "GET", known="2010-01-01T00:00Z"
        )[0]
        == 404
    )


def test_an_invalid_day_or_instant_is_refused(world):
    days = [{"on": day} for day in ("yesterday", "2026-02-30", "")]
    instants = [
        {"known": instant} for instant in ("2026-01-05", "2026-01-05T09:00:00", "x", "0001-01-01T00:00:00+14:00")
    ]
    path = f"records/employments/{world.employment('active')['id']}"

    assert {sandbox_error(world, path, None, "GET", **query)[0] for query in days + instants} == {400}


def test_an_unescaped_plus_is_understood(world):
    path = f"/sandbox/records/employments/{world.employment('active')['id']}"

    assert world.request("GET", path, query={"known": "2026-01-05T09:00:00 08:00"}).status == 200


# -- events --------------------------------------------------------------------------------------------------------


def test_events_are_listed_since_the_company_was_made(world):
    assert world.sandbox("GET", "events")["items"] == []
    change = move_employee(world)

    items = world.sandbox("GET", "events")["items"]

    assert {"corehr.job_change.updated_v1", "corehr.job_data.changed_v1"} <= {item["event_type"] for item in items}
    assert [item["event_id"] for item in items] == sorted(item["event_id"] for item in items)
    assert all(item["deliveries"] == [] and item["create_time"].isdecimal() for item in items)
    assert {item["event"]["job_change_id"] for item in items if "job_change_id" in item["event"]} == {change}


def test_events_are_listed_from_an_id_and_by_type(world):
    move_employee(world)
    all_events = world.sandbox("GET", "events")["items"]
    first, *rest = all_events
    type = rest[0]["event_type"]

    assert world.sandbox("GET", "events", since=first["event_id"])["items"] == rest
    assert world.sandbox("GET", "events", limit=2)["items"] == all_events[:2]
    assert world.sandbox("GET", "events", type=type)["items"] == [e for e in all_events if e["event_type"] == type]
    assert world.sandbox("GET", "events", since=all_events[-1]["event_id"])["items"] == []


def test_the_history_of_a_demo_company_can_be_listed(world):
    history = world.sandbox("GET", "events", since="0" * 32, limit=10_000)["items"]

    assert len([e for e in history if e["event_type"] == "corehr.employment.created_v1"]) == 60


def test_events_are_rendered_for_the_app_of_the_query(world):
    move_employee(world)
    active = world.employment("active")
    for app_id in APP_SECRETS:
        items = world.sandbox("GET", "events", type="corehr.job_change.updated_v1", app_id=app_id)["items"]
        ids = items[0]["event"]["target_user_id"]
        assert (ids["open_id"], ids["union_id"]) == (active["open_ids"][app_id], active["union_id"])
        assert ids.get("user_id") == (active["user_id"] if app_sees_user_ids(app_id) else None)


def app_sees_user_ids(app_id):
    return app_id not in ("cli_a000000000000002", "cli_a000000000000003")


def test_invalid_event_queries_are_refused(world):
    for query in ({"since": "x"}, {"since": "f" * 32}, {"limit": "0"}, {"type": "\0"}):
        assert sandbox_error(world, "events", method="GET", **query)[0] == 400


def test_events_of_an_unknown_app_are_not_found(world):
    assert sandbox_error(world, "events", method="GET", app_id="cli_ffffffffffffffff")[0] == 404


# -- apps and people -----------------------------------------------------------------------------------------------


def auth_headers(world, app):
    response = world.request("POST", TENANT_TOKEN_PATH, app)
    return {"authorization": f"Bearer {response.json['tenant_access_token']}"}


def test_a_new_app_works_at_once(world):
    app = world.sandbox("POST", "apps", {})
    body = {"employment_ids": [world.employment("active")["union_id"]]}
    query = {"page_size": 10, "user_id_type": "union_id"}
    path = "/open-apis/corehr/v2/employees/job_datas/query"

    response = world.request("POST", path, body, query=query, headers=auth_headers(world, app))

    assert len(response.data["items"]) == 1


def test_an_app_sees_only_the_departments_of_its_data_range(world):
    department = world.named["departments"]["range"]
    path, query = "/open-apis/corehr/v2/employees/job_datas/query", {"page_size": 10, "user_id_type": "union_id"}

    def query_code(name, headers):
        body = {"employment_ids": [world.employment(name)["union_id"]]}
        return world.request("POST", path, body, query=query, headers=headers).code

    for id_type in ("id", "open_department_id", "department_id"):
        app = {"name": "some", "data_range": {"departments": [department[id_type]]}}
        headers = auth_headers(world, world.sandbox("POST", "apps", app))
        assert (query_code("active", headers), query_code("outside_range", headers)) == (0, 1160023)


def test_an_app_without_scopes_may_call_nothing(world):
    app = world.sandbox("POST", "apps", {"scopes": [], "data_range": "none", "pre_hires": "none", "type": "custom"})

    response = world.request("POST", CREATE_JOB_CHANGE_PATH, {}, headers=auth_headers(world, app))

    assert response.code == 99991672


def test_extra_people_are_like_active_and_can_be_moved(world):
    hired = world.sandbox("POST", "world/employees", {"count": 3})["employments"]
    more = world.sandbox("POST", "world/employees", {"count": 1})["employments"]
    active = world.employment("active")

    assert sorted([*hired, *more]) == ["extra_1", "extra_2", "extra_3", "extra_4"]
    assert world.sandbox("GET", "world")["employments"]["extra_4"] == more["extra_4"]
    for employment in hired.values():
        same = ("direct_manager", "department", "job", "company_id")
        assert [employment[fact] for fact in same] == [active[fact] for fact in same]
        assert world.create_job_change(
            employment["id"], {"target_department": world.named["departments"]["other"]["id"]}
        ).data
