"""The query of job data: employments, versions and filters, and every documented error."""

import pytest

from tests.world import APP_ONE_DEPARTMENT, COREHR_ID_TYPES, QUERY_JOB_DATA_PATH

PAGE = {"page_size": 10, **COREHR_ID_TYPES}


def query_job_data(world, body, **query):
    return world.call("POST", QUERY_JOB_DATA_PATH, body, **(PAGE | query))


def ids_of(world, name):
    return [world.employment(name)["id"]]


@pytest.mark.parametrize(
    "body",
    [
        {"data_date": "2026-1-5"},
        {"data_date": "2026-02-30"},
        {"data_date": False},
        {"data_date": 0},
        {"data_date": "2026-W02-1"},
        {"effective_date_start": []},
        {"effective_date_end": "soon"},
        {"effective_date_start": "2026-02-01", "effective_date_end": "2026-01-31"},
    ],
)
def test_a_malformed_date(world, body):
    before = world.fingerprint()
    assert query_job_data(world, body).error() == (400, 1160013, "Param is invalid")
    assert world.fingerprint() == before
    query_job_data(
        world, {"data_date": "", "effective_date_start": "2026-01-31", "effective_date_end": "2026-01-31"}
    ).assert_ok()


def test_an_unknown_page_token(world):
    assert query_job_data(world, {}, page_token="x").error() == (400, 1160013, "Param is invalid")
    token = query_job_data(world, {}, page_size=2).data["page_token"]
    query_job_data(world, {}, page_token=token).assert_ok()


def test_an_employment_outside_the_data_range(world):
    refused = world.call(
        "POST", QUERY_JOB_DATA_PATH, {"employment_ids": ids_of(world, "outside_range")}, app=APP_ONE_DEPARTMENT, **PAGE
    )
    assert refused.error() == (400, 1160023, "No authority error")
    response = world.call(
        "POST", QUERY_JOB_DATA_PATH, {"employment_ids": ids_of(world, "active")}, app=APP_ONE_DEPARTMENT, **PAGE
    )
    assert [i["employment_id"] for i in response.data["items"]] == ids_of(world, "active")


def test_employments_outside_the_data_range_are_left_out_of_a_list(world):
    all_ids: set[str] = set()
    visible_ids: set[str] = set()
    for found, app in ((all_ids, None), (visible_ids, APP_ONE_DEPARTMENT)):
        token = ""
        while token is not None:
            page = {"page_token": token} if token else {}
            query = PAGE | {"page_size": 100} | page
            data = world.call("POST", QUERY_JOB_DATA_PATH, {}, **({"app": app} if app else {}), **query).data
            found.update(i["employment_id"] for i in data["items"])
            token = data.get("page_token")
    assert visible_ids < all_ids
    assert world.employment("active")["id"] in visible_ids
    assert world.employment("outside_range")["id"] in all_ids - visible_ids


@pytest.mark.parametrize("code", [1160018, 1160999, 1160997, 1160998])
def test_failures_of_the_system_are_answered_as_documented(world, code):
    world.sandbox("PUT", "faults", [{"operation": "v2.employees-job_data.query", "code": code, "times": 1}])
    assert query_job_data(world, {}).code == code
    query_job_data(world, {}).assert_ok()


def test_the_version_in_force_on_a_day_and_every_version(world):
    person = world.employment("future_job_data")
    versions = query_job_data(world, {"employment_ids": [person["id"]], "get_all_version": True}).data["items"][0][
        "job_datas"
    ]
    assert len(versions) > 1
    assert [a["expiration_time"] for a in versions[:-1]] == [b["effective_time"] for b in versions[1:]]
    assert versions[-1]["expiration_time"] == "9999-12-31 00:00:00"
    for version in versions:
        day = version["effective_time"][:10]
        body = {"employment_ids": [person["id"]], "data_date": day}
        assert query_job_data(world, body).data["items"][0]["job_datas"] == [version]
    before = query_job_data(world, {"employment_ids": [person["id"]], "data_date": "1999-01-01"}).data
    assert before == {"items": [], "has_more": False}


def test_filters(world):
    active, other = world.employment("active"), world.named["departments"]["other"]["id"]
    body = {"employment_ids": [active["id"]]}
    assert query_job_data(world, body | {"department_id": other}).data["items"] == []
    assert query_job_data(world, body | {"department_id": active["department"]}).data["items"]
    assert query_job_data(world, body | {"primary_job_data": False}).data["items"] == []
    assert query_job_data(world, body | {"assignment_start_reasons": ["offboarding"]}).data["items"] == []
    world.create_job_change(active["id"], {"target_department": other}).assert_ok()
    reasons = body | {"assignment_start_reasons": ["job_change"], "get_all_version": True}
    found = query_job_data(world, reasons).data["items"][0]["job_datas"]
    assert [(v["effective_time"][:10], v["department_id"]) for v in found] == [(world.today(), other)]


def test_pages_are_disjoint_and_whole(world):
    whole = [i["employment_id"] for i in query_job_data(world, {}, page_size=100).data["items"]]
    seen, token = [], None
    while True:
        page = query_job_data(world, {}, page_size=7, **({"page_token": token} if token else {})).data
        seen += [i["employment_id"] for i in page["items"]]
        if not page["has_more"] or len(seen) >= len(whole):
            break
        token = page["page_token"]
    assert seen[: len(whole)] == whole
    assert len(set(seen)) == len(seen)
