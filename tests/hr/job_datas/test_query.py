"""Job data as of a day, by API: whose, which version, and every documented no."""

import pytest

from tests.world import CORE_IDS, JOB_DATA, PART

PAGE = {"page_size": 10, **CORE_IDS}


def ask(world, body, **query):
    return world.call("POST", JOB_DATA, body, **(PAGE | query))


def of(world, name):
    return [world.person(name)["id"]]


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
def test_a_date_that_is_none(world, body):
    before = world.fingerprint()
    assert ask(world, body).says() == (400, 1160013, "Param is invalid")
    assert world.fingerprint() == before
    ask(world, {"data_date": "", "effective_date_start": "2026-01-31", "effective_date_end": "2026-01-31"}).passes()


def test_a_page_token_of_somebody_else(world):
    assert ask(world, {}, page_token="x").says() == (400, 1160013, "Param is invalid")
    token = ask(world, {}, page_size=2).data["page_token"]
    ask(world, {}, page_token=token).passes()


def test_somebody_out_of_range_who_is_asked_for(world):
    refused = world.call("POST", JOB_DATA, {"employment_ids": of(world, "outside_range")}, app=PART, **PAGE)
    assert refused.says() == (400, 1160023, "No authority error")
    answer = world.call("POST", JOB_DATA, {"employment_ids": of(world, "active")}, app=PART, **PAGE)
    assert [i["employment_id"] for i in answer.data["items"]] == of(world, "active")


def test_people_out_of_range_are_left_out_of_a_list(world):
    everybody: set[str] = set()
    mine: set[str] = set()
    for found, app in ((everybody, None), (mine, PART)):
        token = ""
        while token is not None:
            page = {"page_token": token} if token else {}
            query = PAGE | {"page_size": 100} | page
            answer = world.call("POST", JOB_DATA, {}, **({"app": app} if app else {}), **query).data
            found.update(i["employment_id"] for i in answer["items"])
            token = answer.get("page_token")
    assert mine < everybody
    assert world.person("active")["id"] in mine
    assert world.person("outside_range")["id"] in everybody - mine


@pytest.mark.parametrize("code", [1160018, 1160999, 1160997, 1160998])
def test_failures_of_the_system_are_told_as_documented(world, code):
    world.sandbox("PUT", "faults", [{"operation": "v2.employees-job_data.query", "code": code, "times": 1}])
    assert ask(world, {}).code == code
    ask(world, {}).passes()


def test_the_version_in_force_on_a_day_and_every_version(world):
    person = world.person("future_job_data")
    versions = ask(world, {"employment_ids": [person["id"]], "get_all_version": True}).data["items"][0]["job_datas"]
    assert len(versions) > 1
    assert [a["expiration_time"] for a in versions[:-1]] == [b["effective_time"] for b in versions[1:]]
    assert versions[-1]["expiration_time"] == "9999-12-31 00:00:00"
    for version in versions:
        day = version["effective_time"][:10]
        asked = {"employment_ids": [person["id"]], "data_date": day}
        assert ask(world, asked).data["items"][0]["job_datas"] == [version]
    before = ask(world, {"employment_ids": [person["id"]], "data_date": "1999-01-01"}).data
    assert before == {"items": [], "has_more": False}


def test_filters(world):
    active, other = world.person("active"), world.names["departments"]["other"]["id"]
    asked = {"employment_ids": [active["id"]]}
    assert ask(world, asked | {"department_id": other}).data["items"] == []
    assert ask(world, asked | {"department_id": active["department"]}).data["items"]
    assert ask(world, asked | {"primary_job_data": False}).data["items"] == []
    assert ask(world, asked | {"assignment_start_reasons": ["offboarding"]}).data["items"] == []
    world.change(active["id"], {"target_department": other}).passes()
    reasons = asked | {"assignment_start_reasons": ["job_change"], "get_all_version": True}
    found = ask(world, reasons).data["items"][0]["job_datas"]
    assert [(v["effective_time"][:10], v["department_id"]) for v in found] == [(world.today(), other)]


def test_pages_are_disjoint_and_whole(world):
    whole = [i["employment_id"] for i in ask(world, {}, page_size=100).data["items"]]
    seen, token = [], None
    while True:
        page = ask(world, {}, page_size=7, **({"page_token": token} if token else {})).data
        seen += [i["employment_id"] for i in page["items"]]
        if not page["has_more"] or len(seen) >= len(whole):
            break
        token = page["page_token"]
    assert seen[: len(whole)] == whole
    assert len(set(seen)) == len(seen)
