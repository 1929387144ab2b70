"""All five operations, the clock and a naive model in memory, driven at random: answers and records agree."""

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from corehr.engines import versions
from tests.stores import Template
from tests.world import World

EDIT = "/open-apis/corehr/v2/offboardings/edit"
REVOKE = "/open-apis/corehr/v2/offboardings/revoke"
WITHDRAW = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
CORE = "people_corehr_id"
LEAVERS = ("Approving", "Approved", "NoNeedApproval", "Offboarded", "Rejected", "Withdrawn")
PRE_HIRES = ("preboarding", "day_one", "completed", "withdrawn")
FIRST, LAST = date(2024, 6, 1), date(2029, 1, 1)
PENDING, WAITING = {"Approving", "Approved", "NoNeedApproval"}, {"Approved", "NoNeedApproval"}
LIVE = PENDING | {"Transformed"}

Body = dict[str, Any]


class Life:
    """A person's job data as one body for every single day: as plain as it can be."""

    def __init__(self, begun: list[tuple[str, Body]]) -> None:
        self.begun = begun
        self.said: list[tuple[str, str, Body]] = []

    def days(self) -> dict[str, Body]:
        """What holds on each day, after everything that was said, in the order in which it was said."""
        starts, looks = {day for day, _ in self.begun}, {}
        for n in range((LAST - FIRST).days):
            day = (FIRST + timedelta(n)).isoformat()
            held = [body for start, body in self.begun if start <= day]
            if held:
                looks[day] = held[-1]
        for _, start, patch in self.said:
            until = min((s for s in starts if s > start), default=LAST.isoformat())
            base = looks[start]
            looks |= {day: base | patch for day in looks if start <= day < until}
            starts.add(start)
        return looks


@dataclass
class Change:
    id: str
    person: str
    effective: str
    status: str
    patch: Body
    process: str
    tasks: int


@dataclass
class Leaving:
    id: str
    person: str
    day: str
    status: str


@dataclass
class Model:
    today: str
    lives: dict[str, Life] = field(default_factory=dict)
    ends: dict[str, str | None] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    leavings: list[Leaving] = field(default_factory=list)
    pre_hires: dict[str, str] = field(default_factory=dict)

    def refuses(self, person: str, effective: str, patch: Body) -> int:
        mine = [leaving for leaving in self.leavings if leaving.person == person]
        if any(leaving.status in PENDING for leaving in mine):
            return 1160201
        if any(c.effective > effective for c in self.changes if c.person == person and c.status in LIVE):
            return 1160202
        end = self.ends[person]
        if end is not None and effective > end:
            return 1160502
        now = self.lives[person].days()[effective]
        return 0 if any(now.get(f) != v for f, v in patch.items()) else 1160601

    def settle(self) -> None:
        """What is agreed and due happens: job changes by day and age, then last days that are over."""
        due = [c for c in self.changes if c.status in WAITING and c.effective <= self.today]
        for change in sorted(due, key=lambda c: (c.effective, int(c.id))):
            change.status = "Transformed"
            self.lives[change.person].said.append((change.id, change.effective, change.patch))
        for leaving in self.leavings:
            if leaving.status in WAITING and leaving.day < self.today:
                leaving.status = "Offboarded"

    def refuses_edit(self, leaving: Leaving, day: str | None) -> int:
        if day and leaving.status == "Offboarded":
            return 1160631
        if leaving.status in ("Approving", "Rejected", "Withdrawn"):
            return 1160623
        changes = [c for c in self.changes if c.person == leaving.person]
        if any(c.status == "Approving" for c in changes):
            return 1160200
        if day and any(day < c.effective for c in changes if c.status in LIVE - {"Approving"}):
            return 1160603
        return 0


class FiveOperations(RuleBasedStateMachine):
    template: Template

    @initialize()
    def begin(self) -> None:
        self.url = self.template.fresh()
        self.world = world = World(self.url)
        self.model = Model(world.today())
        people = [p["id"] for p in world.hire(2)]
        for name in LEAVERS:
            facts = world.names["offboardings"][name]
            people.append(facts["employment_id"])
            self.model.leavings.append(Leaving(facts["id"], facts["employment_id"], facts["offboarding_date"], name))
        for id in people:
            self.model.lives[id] = Life([(v["valid_from"], plain(v["body"])) for v in self.timeline(id)])
            self.model.ends[id] = self.person(id)["end_date"]
        self.model.pre_hires = {world.names["pre_hires"][n]["id"]: n for n in PRE_HIRES}
        self.people = people

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.agree()
            self.world.close()
            self.template.forget(self.url)

    # -- what somebody does ------------------------------------------------------------------------------------

    @rule(
        who=st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7]),
        days=st.sampled_from([0, 0, 1, 10, 30, -7]),
        reviewed=st.booleans(),
        department=st.sampled_from(["", "active", "other"]),
        hours=st.sampled_from(["", "30", "36"]),
    )
    def create(self, who: int, days: int, reviewed: bool, department: str, hours: str) -> None:
        person, effective = self.people[who % len(self.people)], self.day(days)
        names, patch, info = self.world.names, {}, {}
        if department:
            patch["department_id"] = info["target_department"] = names["departments"][department]["id"]
        if hours or not department:
            patch["weekly_working_hours"] = info["target_weekly_working_hours"] = hours or "33"
        mode = {"transfer_mode": 2, "flow_id": names["transfer_types"]["promotion"]["flow_id"]} if reviewed else {}
        answer = self.world.change(person, info, effective_date=effective, **mode)
        assert answer.code == self.model.refuses(person, effective, patch), answer.body
        if answer.code == 0:
            id, process = answer.data["job_change_id"], answer.data["process_id"]
            tasks = self.tasks(process) if reviewed else []
            status = "Approving" if reviewed else "NoNeedApproval"
            self.model.changes.append(Change(id, person, effective, status, patch, process, len(tasks)))
            self.model.settle()

    @precondition(lambda self: any(c.status == "Approving" for c in self.model.changes))
    @rule(which=st.integers(0, 20), approve=st.integers(0, 3))
    def answer(self, which: int, approve: int) -> None:
        waiting = [c for c in self.model.changes if c.status == "Approving"]
        change = waiting[which % len(waiting)]
        (task,) = self.world.open_tasks(change.process)
        self.world.answer(change.process, task["approver_id"], 3 if approve else 2).passes()
        change.tasks -= 1
        if not approve:
            change.status = "Rejected"
        elif change.tasks == 0:
            change.status = "Approved"
            self.model.settle()

    @precondition(lambda self: self.model.changes)
    @rule(which=st.integers(0, 20))
    def take_back(self, which: int) -> None:
        change = self.model.changes[which % len(self.model.changes)]
        assert self.world.revoke(change.id).data["result"] is (change.status in LIVE)
        if change.status in LIVE:
            change.status = "Cancelled"
            life = self.model.lives[change.person]
            life.said = [said for said in life.said if said[0] != change.id]

    @rule(which=st.integers(0, 5), days=st.sampled_from([-1, 0, 5, 40]), moves=st.booleans())
    def edit(self, which: int, days: int, moves: bool) -> None:
        leaving, day = self.model.leavings[which], self.day(days)
        pair = ("offboarding_date", day) if moves else ("reason_explanation", f"told {days} times")
        body = {"offboarding_id": leaving.id, "update_data": [{"field_name": pair[0], "value": pair[1]}]}
        answer = self.world.call("POST", EDIT, body, user_id_type=CORE)
        assert answer.code == self.model.refuses_edit(leaving, day if moves else None), answer.body
        if answer.code == 0 and moves:
            leaving.day = self.model.ends[leaving.person] = day
            self.model.settle()

    @rule(which=st.integers(0, 5))
    def stay_after_all(self, which: int) -> None:
        leaving = self.model.leavings[which]
        answer = self.world.call("POST", REVOKE, {"offboarding_id": leaving.id}, user_id_type=CORE)
        assert answer.code == {"Rejected": 1160102, "Withdrawn": 1160202}.get(leaving.status, 0), answer.body
        if answer.code == 0:
            leaving.status, self.model.ends[leaving.person] = "Withdrawn", None

    @rule(which=st.integers(0, 3))
    def withdraw(self, which: int) -> None:
        id = list(self.model.pre_hires)[which]
        answer = self.world.call("POST", WITHDRAW, {"pre_hire_id": id, "withdraw_reason": "another offer"})
        there = self.model.pre_hires[id]
        assert answer.code == (0 if there in ("preboarding", "day_one") else 1161129), answer.body
        self.model.pre_hires[id] = "withdrawn" if answer.code == 0 else there

    @rule(days=st.sampled_from([1, 1, 2, 10, 29]))
    def time_passes(self, days: int) -> None:
        self.world.travel(days=days)
        for _ in range(days):
            self.model.today = self.day(1)
            self.model.settle()

    @invariant()
    def statuses_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        for change in self.model.changes:
            assert self.record("job_changes", change.id)["status"] == change.status
        for leaving in self.model.leavings:
            row = self.record("offboardings", leaving.id)
            assert (row["status"], row["offboarding_date"]) == (leaving.status, leaving.day)

    # -- underneath --------------------------------------------------------------------------------------------

    def agree(self) -> None:
        """On every day somebody's job data begins to look otherwise, it looks as the model says."""
        for id, life in self.model.lives.items():
            looks = life.days()
            told = [(v["valid_from"], plain(v["body"])) for v in self.timeline(id)]
            for n in range((LAST - FIRST).days):
                day = (FIRST + timedelta(n)).isoformat()
                held = [body for start, body in told if start <= day]
                assert (held[-1] if held else None) == looks.get(day), (id, day)
        for id, status in self.model.pre_hires.items():
            assert self.record("pre_hires", id)["onboarding_status"] == status

    def day(self, days: int) -> str:
        return (date.fromisoformat(self.model.today) + timedelta(days)).isoformat()

    def person(self, id: str) -> Any:
        return self.record("employments", id)

    def timeline(self, id: str) -> Any:
        job_data = self.person(id)["job_data_id"]
        life = self.world.tell(lambda tx: versions.timeline(tx, "job_data", job_data))
        return [{"valid_from": v.valid_from, "body": v.body} for v in life]

    def tasks(self, process: str) -> Any:
        return self.world.sandbox("GET", f"records/processes/{process}")["tasks"]

    def record(self, kind: str, id: str) -> Any:
        return self.world.sandbox("GET", f"records/{kind}/{id}")


def plain(body: Any) -> Body:
    return {f: body.get(f) for f in ("department_id", "weekly_working_hours")}


@pytest.mark.parametrize(("store", "examples", "steps"), [("sqlite", 40, 60), ("postgres", 4, 40)])
def test_five_operations_agree_with_the_model(
    store: str, examples: int, steps: int, request: pytest.FixtureRequest
) -> None:
    template = request.getfixturevalue(f"{store}_template")
    run_state_machine_as_test(
        type("Machine", (FiveOperations,), {"template": template}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
