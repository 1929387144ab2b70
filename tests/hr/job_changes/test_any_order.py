"""Changes of one person, taken back in any order: the person is as one who never had them."""

from datetime import date, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from corehr.engines import versions
from corehr.hr.contracts import records as contracts

WIRES = st.dictionaries(
    st.sampled_from(["department", "job", "hours", "shift", "number", "renewal", "probation", "seniority"]),
    st.integers(0, 1),
    min_size=1,
    max_size=3,
)
histories = st.lists(st.tuples(st.integers(0, 3), WIRES), min_size=1, max_size=6)


def info_of(world, day, wires, shift):
    """Targets of a job change; `shift` is always among them, since some fields may not change alone."""
    names = world.names
    told = {"target_work_shift": f"shift-{shift}"}
    for wire, which in wires.items():
        told |= {
            "department": {"target_department": names["departments"][("other", "active")[which]]["id"]},
            "job": {"target_job": names["jobs"][("other", "active")[which]]["id"]},
            "hours": {"target_weekly_working_hours": ("30", "36.5")[which]},
            "shift": {},
            "number": {"target_contract_number": f"N{which}"},
            "renewal": {
                "target_contract_start_date": day,
                "target_contract_end_date": ("2030-01-01", "2031-01-01")[which],
            },
            "probation": {"target_probation_end_date": ("2027-01-01", "2027-02-01")[which]},
            "seniority": {"target_employment_change": {"seniority_date": ("2019-01-01", "2018-01-01")[which]}},
        }[wire]
    return told


def ask(world, person, day, wires, shift):
    return world.change(person["id"], info_of(world, day, wires, shift), effective_date=day)


def looks(world, person, days):
    """Everything dated about a person, on each day, without the ids of what says it."""

    def read(tx):
        ids = contracts.ids_of(tx, person["id"])
        lives = versions.timelines(tx, [person["job_data_id"], person["id"], *ids])
        shown = []
        for day in days:
            own = {
                kind: {f: v for f, v in held.items() if f != "employee_number"}
                for (kind, thing), life in lives.items()
                if thing not in ids
                for held in [next((v.body for v in life if v.valid_from <= day < v.valid_to), {})]
            }
            contract = contracts.in_force(lives, ids, day)
            own.get("employment", {}).pop("employee_number", None)
            body = dict(contract.body) if contract else None
            shown.append((day, own, body))
        return shown

    return world.tell(read)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, data=st.data())
def test_the_timeline_equals_a_history_without_what_was_taken_back(world, history, data):
    someone, control = world.hire(2)
    start, day, asked = date.fromisoformat(world.today()) - timedelta(days=100), 0, []
    before = [looks(world, p, [world.today()]) for p in (someone, control)]
    assert strip(before[0]) == strip(before[1])
    for shift, (step, wires) in enumerate(history):  # days never go back: a later change refuses an earlier one
        day += step
        on = (start + timedelta(days=day)).isoformat()
        answer = ask(world, someone, on, wires, shift)
        if answer.code == 0:
            asked.append((answer.data["job_change_id"], on, wires, shift))
    gone = data.draw(st.permutations(asked))[: data.draw(st.integers(0, len(asked)))]
    for change, *_ in gone:
        assert world.revoke(change).data["result"] is True
    left = [a for a in asked if a not in gone]
    for _, on, wires, shift in left:
        ask(world, control, on, wires, shift).passes()
    days = sorted({(start + timedelta(days=n)).isoformat() for n in range(-1, day + 2)} | {world.today()})
    assert strip(looks(world, someone, days)) == strip(looks(world, control, days))


def strip(shown):
    """What differs between two people who are otherwise alike: the number of their first contract."""
    return [
        (day, own, contract and {k: v for k, v in contract.items() if not (k == "contract_number" and len(v) > 3)})
        for day, own, contract in shown
    ]
