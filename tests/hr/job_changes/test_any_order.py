"""Job changes revoked in any order leave the timelines of an employment that never had them."""

from datetime import date, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corehr.engines import versions
from corehr.hr.contracts import records as contracts

field_choices = st.dictionaries(
    st.sampled_from(["department", "job", "hours", "shift", "number", "renewal", "probation", "seniority", "custom"]),
    st.integers(0, 1),
    min_size=1,
    max_size=3,
)
histories = st.lists(st.tuples(st.integers(0, 3), field_choices), min_size=1, max_size=6)


def transfer_info(world, day, choices, shift):
    """Targets of a job change; a text is always among them, since some fields may not change alone."""
    named, field = world.named, {n: facts["field_name"] for n, facts in world.named["employment_fields"].items()}
    info: dict[str, Any] = {}
    texts = {field["text"]: f"text {shift}"}
    for choice, which in choices.items():
        info |= {
            "department": {"target_department": named["departments"][("other", "active")[which]]["id"]},
            "job": {"target_job": named["jobs"][("other", "active")[which]]["id"]},
            "hours": {"target_weekly_working_hours": ("30", "36.5")[which]},
            "shift": {"target_work_shift": ("work_shift", "non_work_shift")[which]},
            "number": {"target_contract_number": f"N{which}"},
            "renewal": {
                "target_contract_start_date": day,
                "target_contract_end_date": ("2030-01-01", "2031-01-01")[which],
            },
            "probation": {"target_probation_end_date": ("2027-01-01", "2027-02-01")[which]},
            "seniority": {},
            "custom": {},
        }[choice]
    if "custom" in choices:
        texts[field["multi_enum"]] = ('["option_1"]', "[]")[choices["custom"]]
    changed = [{"custom_api_name": name, "value": value} for name, value in texts.items()]
    seniority = {"seniority_date": ("2019-01-01", "2018-01-01")[choices["seniority"]]} if "seniority" in choices else {}
    return {**info, "target_employment_change": {**seniority, "custom_fields": changed}}


def create_job_change(world, employment, day, choices, shift):
    return world.create_job_change(employment["id"], transfer_info(world, day, choices, shift), effective_date=day)


def bodies_by_day(world, employment, days):
    """Effective-dated values of an employment on each day: own bodies and the contract in force, without entity ids."""

    def read(tx):
        ids = contracts.list_ids(tx, employment["id"])
        timelines = versions.timelines(tx, [employment["job_data_id"], employment["id"], *ids])
        bodies = []
        for day in days:
            own_bodies = {
                kind: {f: v for f, v in current.items() if f != "employee_number"}
                for (kind, entity_id), timeline in timelines.items()
                if entity_id not in ids
                for current in [next((v.body for v in timeline if v.valid_from <= day < v.valid_to), {})]
            }
            contract = contracts.contract_in_force(tx, ids, day)
            own_bodies.get("employment", {}).pop("employee_number", None)
            body = dict(contract.body) if contract else None
            bodies.append((day, own_bodies, body))
        return bodies

    return world.in_transaction(read)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, data=st.data())
def test_the_timeline_equals_a_history_without_the_revoked_changes(world, history, data):
    subject, control = world.hire(2)
    start, day, created = date.fromisoformat(world.today()) - timedelta(days=100), 0, []
    before = [bodies_by_day(world, employment, [world.today()]) for employment in (subject, control)]
    assert without_first_contract_number(before[0]) == without_first_contract_number(before[1])
    for shift, (step, choices) in enumerate(
        history
    ):  # days never decrease: a later change makes an earlier one refused
        day += step
        effective_date = (start + timedelta(days=day)).isoformat()
        response = create_job_change(world, subject, effective_date, choices, shift)
        if response.code == 0:
            created.append((response.data["job_change_id"], effective_date, choices, shift))
    revoked = data.draw(st.permutations(created))[: data.draw(st.integers(0, len(created)))]
    for change, *_ in revoked:
        assert world.revoke(change).data["result"] is True
    kept = [change for change in created if change not in revoked]
    for _, effective_date, choices, shift in kept:
        create_job_change(world, control, effective_date, choices, shift).assert_ok()
    days = sorted({(start + timedelta(days=n)).isoformat() for n in range(-1, day + 2)} | {world.today()})
    assert without_first_contract_number(bodies_by_day(world, subject, days)) == without_first_contract_number(
        bodies_by_day(world, control, days)
    )


def without_first_contract_number(bodies):
    """Drop the number of the first contract, the only value that differs between two newly hired employees."""
    return [
        (
            day,
            own_bodies,
            contract and {k: v for k, v in contract.items() if not (k == "contract_number" and len(v) > 3)},
        )
        for day, own_bodies, contract in bodies
    ]
