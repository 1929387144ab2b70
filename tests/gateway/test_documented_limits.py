"""The documented rate limits of job changes, offboardings and pre-hires, called until they refuse."""

from collections.abc import Iterator

import pytest

from tests.world import CREATE_JOB_CHANGE_PATH, World

EDIT = "/open-apis/corehr/v2/offboardings/edit"
REVOKE_OFFBOARDING = "/open-apis/corehr/v2/offboardings/revoke"
WITHDRAW = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
REVOKE_JOB_CHANGE = "/open-apis/corehr/v2/job_changes/1/revoke"


@pytest.fixture
def limited(sqlite_template) -> Iterator[World]:
    url = sqlite_template.copy()
    world = World(url, rate_limits=True)
    yield world
    world.close()
    sqlite_template.delete(url)


@pytest.mark.parametrize(
    ("path", "limit", "wait"),
    [
        (CREATE_JOB_CHANGE_PATH, 100, 60),
        (WITHDRAW, 100, 60),
        (EDIT, 20, 1),
        (REVOKE_OFFBOARDING, 20, 1),
        (REVOKE_JOB_CHANGE, 5, 1),
    ],
)
def test_one_call_more_than_the_page_allows(limited, path, limit, wait):
    responses = limited.concurrently([("POST", path, {})] * (limit + 1))
    refused = [response for response in responses if response.status == 429]
    assert len(refused) == 1
    assert refused[0].error() == (429, 99991400, "request trigger frequency limit")
    assert refused[0].headers["x-ogw-ratelimit-limit"] == str(limit)
    assert 1 <= int(refused[0].headers["x-ogw-ratelimit-reset"]) <= wait


def test_the_limit_of_one_operation_is_not_anothers(limited):
    limited.concurrently([("POST", REVOKE_JOB_CHANGE, {})] * 6)
    assert limited.call("POST", REVOKE_OFFBOARDING, {}).code == 1160102
