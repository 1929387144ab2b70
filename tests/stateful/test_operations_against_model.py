"""Commands and the clock, driven at random beside a naive model: responses and records agree with it."""

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

EDIT_PATH = "/open-apis/corehr/v2/offboardings/edit"
REVOKE_PATH = "/open-apis/corehr/v2/offboardings/revoke"
WITHDRAW_PATH = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
USER_ID_TYPE = "people_corehr_id"
OFFBOARDING_NAMES = ("Approving", "Approved", "NoNeedApproval", "Offboarded", "Rejected", "Withdrawn")
PRE_HIRE_NAMES = ("preboarding", "day_one", "completed", "withdrawn")
FIRST_DAY, LAST_DAY = date(2024, 6, 1), date(2029, 1, 1)
PENDING_STATUSES, READY_STATUSES = {"Approving", "Approved", "NoNeedApproval"}, {"Approved", "NoNeedApproval"}
ACTIVE_STATUSES = PENDING_STATUSES | {"Transformed"}

Body = dict[str, Any]


class ModelPerson:
    """A person's job data in the simplest form: one body for each day."""

    def __init__(self, initial_versions: list[tuple[str, Body]]) -> None:
        self.initial_versions = initial_versions
        self.entries: list[tuple[str, str, Body]] = []

    def bodies_by_day(self) -> dict[str, Body]:
        """Return the body in force on each day, with the entries applied in the order in which they were recorded."""
        starts, bodies = {day for day, _ in self.initial_versions}, {}
        for n in range((LAST_DAY - FIRST_DAY).days):
            day = (FIRST_DAY + timedelta(n)).isoformat()
            in_force = [body for start, body in self.initial_versions if start <= day]
            if in_force:
                bodies[day] = in_force[-1]
        for _, start, patch in self.entries:
            until = min((s for s in starts if s > start), default=LAST_DAY.isoformat())
            base = bodies[start]
            bodies |= {day: base | patch for day in bodies if start <= day < until}
            starts.add(start)
        return bodies


@dataclass
class ModelJobChange:
    id: str
    employment_id: str
    effective_date: str
    status: str
    patch: Body
    process_id: str
    tasks_left: int


@dataclass
class ModelOffboarding:
    id: str
    employment_id: str
    offboarding_date: str
    status: str
    explanation: str | None = None


@dataclass
class Model:
    today: str
    people: dict[str, ModelPerson] = field(default_factory=dict)
    end_dates: dict[str, str | None] = field(default_factory=dict)
    job_changes: list[ModelJobChange] = field(default_factory=list)
    offboardings: list[ModelOffboarding] = field(default_factory=list)
    pre_hires: dict[str, str] = field(default_factory=dict)

    def create_error_code(self, employment_id: str, effective_date: str, patch: Body) -> int:
        own_offboardings = [
            offboarding for offboarding in self.offboardings if offboarding.employment_id == employment_id
        ]
        if any(offboarding.status in PENDING_STATUSES for offboarding in own_offboardings):
            return 1160201
        if any(
            job_change.effective_date > effective_date
            for job_change in self.job_changes
            if job_change.employment_id == employment_id and job_change.status in ACTIVE_STATUSES
        ):
            return 1160202
        end_date = self.end_dates[employment_id]
        if end_date is not None and effective_date > end_date:
            return 1160502
        current = self.people[employment_id].bodies_by_day()[effective_date]
        return 0 if any(current.get(name) != value for name, value in patch.items()) else 1160601

    def apply_due(self) -> None:
        """Apply what is approved and due: job changes by day and id, then offboardings whose last day is over."""
        due = [c for c in self.job_changes if c.status in READY_STATUSES and c.effective_date <= self.today]
        for job_change in sorted(due, key=lambda c: (c.effective_date, int(c.id))):
            job_change.status = "Transformed"
            self.people[job_change.employment_id].entries.append(
                (job_change.id, job_change.effective_date, job_change.patch)
            )
        for offboarding in self.offboardings:
            if offboarding.status in READY_STATUSES and offboarding.offboarding_date < self.today:
                offboarding.status = "Offboarded"

    def edit_error_code(self, offboarding: ModelOffboarding, day: str, explanation: str | None) -> int:
        moves = day != offboarding.offboarding_date
        if moves and offboarding.status == "Offboarded":
            return 1160631
        if offboarding.status in ("Approving", "Rejected", "Withdrawn"):
            return 1160623
        job_changes = [c for c in self.job_changes if c.employment_id == offboarding.employment_id]
        changes = moves or explanation != offboarding.explanation
        if changes and any(c.status == "Approving" for c in job_changes):
            return 1160200
        if moves and any(day < c.effective_date for c in job_changes if c.status in ACTIVE_STATUSES - {"Approving"}):
            return 1160603
        return 0


class OperationsAgainstModel(RuleBasedStateMachine):
    template: Template

    @initialize()
    def create_world(self) -> None:
        self.url = self.template.copy()
        self.world = world = World(self.url)
        self.model = Model(world.today())
        employment_ids = [p["id"] for p in world.hire(2)]
        for name in OFFBOARDING_NAMES:
            offboarding = world.named["offboardings"][name]
            employment_ids.append(offboarding["employment_id"])
            self.model.offboardings.append(
                ModelOffboarding(offboarding["id"], offboarding["employment_id"], offboarding["offboarding_date"], name)
            )
        for id in employment_ids:
            self.model.people[id] = ModelPerson(
                [(v["valid_from"], modelled_fields(v["body"])) for v in self.timeline(id)]
            )
            self.model.end_dates[id] = self.employment(id)["end_date"]
        self.model.pre_hires = {world.named["pre_hires"][n]["id"]: n for n in PRE_HIRE_NAMES}
        self.employment_ids = employment_ids

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.assert_timelines_match()
            self.world.close()
            self.template.delete(self.url)

    # -- rules -------------------------------------------------------------------------------------------------

    @rule(
        index=st.sampled_from([0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7]),
        days=st.sampled_from([0, 0, 1, 10, 30, -7]),
        with_approval=st.booleans(),
        department=st.sampled_from(["", "active", "other"]),
        hours=st.sampled_from(["", "30", "36"]),
    )
    def create_job_change(self, index: int, days: int, with_approval: bool, department: str, hours: str) -> None:
        employment_id, effective_date = self.employment_ids[index % len(self.employment_ids)], self.day(days)
        named, patch, transfer_info = self.world.named, {}, {}
        if department:
            patch["department_id"] = transfer_info["target_department"] = named["departments"][department]["id"]
        if hours or not department:
            patch["weekly_working_hours"] = transfer_info["target_weekly_working_hours"] = hours or "33"
        mode = {"transfer_mode": 2, "flow_id": named["transfer_types"]["promotion"]["flow_id"]} if with_approval else {}
        response = self.world.create_job_change(employment_id, transfer_info, effective_date=effective_date, **mode)
        assert response.code == self.model.create_error_code(employment_id, effective_date, patch), response.body
        if response.code == 0:
            id, process_id = response.data["job_change_id"], response.data["process_id"]
            tasks = self.tasks(process_id) if with_approval else []
            status = "Approving" if with_approval else "NoNeedApproval"
            self.model.job_changes.append(
                ModelJobChange(id, employment_id, effective_date, status, patch, process_id, len(tasks))
            )
            self.model.apply_due()

    @precondition(lambda self: any(c.status == "Approving" for c in self.model.job_changes))
    @rule(which=st.integers(0, 20), approve=st.integers(0, 3))
    def answer_task(self, which: int, approve: int) -> None:
        pending = [c for c in self.model.job_changes if c.status == "Approving"]
        job_change = pending[which % len(pending)]
        (task,) = self.world.pending_tasks(job_change.process_id)
        self.world.answer_task(job_change.process_id, task["approver_id"], 3 if approve else 2).assert_ok()
        job_change.tasks_left -= 1
        if not approve:
            job_change.status = "Rejected"
        elif job_change.tasks_left == 0:
            job_change.status = "Approved"
            self.model.apply_due()

    @precondition(lambda self: self.model.job_changes)
    @rule(which=st.integers(0, 20))
    def revoke_job_change(self, which: int) -> None:
        job_change = self.model.job_changes[which % len(self.model.job_changes)]
        assert self.world.revoke(job_change.id).data["result"] is (job_change.status in ACTIVE_STATUSES)
        if job_change.status in ACTIVE_STATUSES:
            job_change.status = "Cancelled"
            person = self.model.people[job_change.employment_id]
            person.entries = [entry for entry in person.entries if entry[0] != job_change.id]

    @rule(which=st.integers(0, 5), days=st.sampled_from([-1, 0, 5, 40]), changes_date=st.booleans())
    def edit_offboarding(self, which: int, days: int, changes_date: bool) -> None:
        """Edit the last day or the explanation, and send the other one unchanged."""
        offboarding = self.model.offboardings[which]
        day = self.day(days) if changes_date else offboarding.offboarding_date
        explanation = offboarding.explanation if changes_date else f"edited {days} times"
        fields = {"offboarding_date": day} | ({"reason_explanation": explanation} if explanation else {})
        updates = [{"field_name": name, "value": value} for name, value in fields.items()]
        body = {"offboarding_id": offboarding.id, "update_data": updates}
        response = self.world.call("POST", EDIT_PATH, body, user_id_type=USER_ID_TYPE)
        assert response.code == self.model.edit_error_code(offboarding, day, explanation), response.body
        if response.code == 0:
            offboarding.explanation = explanation
            if day != offboarding.offboarding_date:
                offboarding.offboarding_date = self.model.end_dates[offboarding.employment_id] = day
            self.model.apply_due()

    @rule(which=st.integers(0, 5))
    def revoke_offboarding(self, which: int) -> None:
        offboarding = self.model.offboardings[which]
        response = self.world.call("POST", REVOKE_PATH, {"offboarding_id": offboarding.id}, user_id_type=USER_ID_TYPE)
        assert response.code == {"Rejected": 1160102, "Withdrawn": 1160202}.get(offboarding.status, 0), response.body
        if response.code == 0:
            offboarding.status, self.model.end_dates[offboarding.employment_id] = "Withdrawn", None

    @rule(which=st.integers(0, 3))
    def withdraw_pre_hire(self, which: int) -> None:
        id = list(self.model.pre_hires)[which]
        response = self.world.call("POST", WITHDRAW_PATH, {"pre_hire_id": id, "withdraw_reason": "another offer"})
        status = self.model.pre_hires[id]
        assert response.code == (0 if status in ("preboarding", "day_one") else 1161129), response.body
        self.model.pre_hires[id] = "withdrawn" if response.code == 0 else status

    @rule(days=st.sampled_from([1, 1, 2, 10, 29]))
    def advance(self, days: int) -> None:
        self.world.advance(days=days)
        for _ in range(days):
            self.model.today = self.day(1)
            self.model.apply_due()

    @invariant()
    def statuses_match(self) -> None:
        if not hasattr(self, "world"):
            return
        for job_change in self.model.job_changes:
            assert self.record("job_changes", job_change.id)["status"] == job_change.status
        for offboarding in self.model.offboardings:
            row = self.record("offboardings", offboarding.id)
            assert (row["status"], row["offboarding_date"]) == (offboarding.status, offboarding.offboarding_date)

    # -- internals ---------------------------------------------------------------------------------------------

    def assert_timelines_match(self) -> None:
        """Assert that on every day each person's job data is what the model has, and each pre-hire's status too."""
        for id, person in self.model.people.items():
            expected = person.bodies_by_day()
            actual = [(v["valid_from"], modelled_fields(v["body"])) for v in self.timeline(id)]
            for n in range((LAST_DAY - FIRST_DAY).days):
                day = (FIRST_DAY + timedelta(n)).isoformat()
                in_force = [body for start, body in actual if start <= day]
                assert (in_force[-1] if in_force else None) == expected.get(day), (id, day)
        for id, status in self.model.pre_hires.items():
            assert self.record("pre_hires", id)["onboarding_status"] == status

    def day(self, days: int) -> str:
        return (date.fromisoformat(self.model.today) + timedelta(days)).isoformat()

    def employment(self, id: str) -> Any:
        return self.record("employments", id)

    def timeline(self, id: str) -> Any:
        job_data = self.employment(id)["job_data_id"]
        timeline = self.world.in_transaction(lambda tx: versions.timeline(tx, "job_data", job_data))
        return [{"valid_from": v.valid_from, "body": v.body} for v in timeline]

    def tasks(self, process_id: str) -> Any:
        return self.world.sandbox("GET", f"records/processes/{process_id}")["tasks"]

    def record(self, kind: str, id: str) -> Any:
        return self.world.sandbox("GET", f"records/{kind}/{id}")


def modelled_fields(body: Any) -> Body:
    return {f: body.get(f) for f in ("department_id", "weekly_working_hours")}


@pytest.mark.parametrize(("store", "examples", "steps"), [("sqlite", 40, 60), ("postgres", 4, 40)])
def test_operations_agree_with_the_model(store: str, examples: int, steps: int, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(f"{store}_template")
    run_state_machine_as_test(
        type("Machine", (OperationsAgainstModel,), {"template": template}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
