"""Commands and the clock, driven at random beside a naive model: responses and records agree with it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
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
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.hr.job_changes import records as job_changes
from corehr.hr.offboardings import records as offboardings
from corehr.hr.organization import departments
from corehr.hr.probation import records as probation
from corehr.hr.workforce_plans import records as workforce_plans
from corehr.kernel.db import Tx
from corehr.kernel.statements import in_tenant, statement
from tests.hr.offboardings.offboarding_calls import create_offboarding
from tests.stateful.naive_model import (
    ACTIVE,
    CUSTOM_FIELD,
    EMPLOYMENT,
    JOB_DATA,
    PENDING,
    PROBATION,
    READY,
    Body,
    Entry,
    JobChange,
    Model,
    Offboarding,
    Person,
    Plan,
    Request,
    each_day,
    later,
    replay,
)
from tests.stores import Template
from tests.world import COREHR_ID_TYPES, QUERY_JOB_DATA_PATH, World

EDIT_PATH = "/open-apis/corehr/v2/offboardings/edit"
REVOKE_PATH = "/open-apis/corehr/v2/offboardings/revoke"
WITHDRAW_PATH = "/open-apis/corehr/v2/pre_hires/withdraw_onboarding"
USER_ID_TYPE = "people_corehr_id"
OFFBOARDING_NAMES = ("Approving", "Approved", "NoNeedApproval", "Offboarded", "Rejected", "Withdrawn")
PRE_HIRE_NAMES = ("preboarding", "day_one", "completed", "withdrawn")
NAMES = (
    "works_behind",
    "works_ahead",
    "two_employments",
    "two_employments_second",
    "rehired",
    "rehired_before",
    "on_probation",
    "future_hire",
    "future_job_data",
    "fixed_end",
)
"""The named people of the model, beside two who are hired and those with a named offboarding."""

WIRE_NAMES = {
    "department_id": "department",
    "work_location_id": "work_location",
    "weekly_working_hours": "weekly_working_hours",
    "job_id": "job",
    "job_family_id": "job_family",
    "job_level_id": "job_level",
    "pathway_id": "pathway",
    "probation_end_date": "probation_end_date",
}
"""The names of fields of a job change on the wire, without `original_` or `target_`; others are of the employment."""

TARGETS = (
    *(("department_id", name) for name in ("home", "active", "small", "small")),
    *(("weekly_working_hours", hours) for hours in ("30", "36", "36.0", "40")),
    *(("work_location_id", name) for name in ("work_city", "work_city_ahead", "work_city_behind")),
    *(("job_id", name) for name in ("active", "mismatching")),
    *(("job_family_id", name) for name in ("active", "other", "other")),
    *(("job_level_id", name) for name in ("active", "other", "other")),
    *(("employee_number", number) for number in ("T1", "T2")),
    *((CUSTOM_FIELD, text) for text in ("a", "b", "")),
    *(("probation_end_date", days) for days in (-20, 20, 90)),
)
"""The targets that job changes may have: fields, with a name, a value, or days from today."""

JOB_TARGETS = [target for target in TARGETS if target[0] in ("job_id", "job_family_id", "job_level_id")]

NARROW_JOB = [("job_family_id", "active"), ("job_level_id", "active")]
"""A family and a level with one pathway, so that not every level and family fits."""

Chosen = list[tuple[str, Any]]
DayChoice = tuple[bool, int]
"""Whether to count the days from the last job change of the person, or from today; and how many days."""

DAYS = st.tuples(st.sampled_from([True, True, False]), st.sampled_from([0, 0, 1, 1, 2, 5, 10, 10, 20, -7]))
KEYS = st.sampled_from([*[""] * 4, "key-1", "key-2", "key-3"])

RECORDS = {
    "department_id": "departments",
    "work_location_id": "locations",
    "job_id": "jobs",
    "job_family_id": "job_families",
    "job_level_id": "job_levels",
}

_SELECT_JOB_CHANGES = statement(sa.select(job_changes.job_change).where(in_tenant(job_changes.job_change)))
_SELECT_OFFBOARDINGS = statement(sa.select(offboardings.offboarding).where(in_tenant(offboardings.offboarding)))
_SELECT_EMPLOYMENTS = statement(sa.select(employments.employment).where(in_tenant(employments.employment)))
_SELECT_NUMBERS = statement(sa.select(employments.employee_number).where(in_tenant(employments.employee_number)))


class OperationsAgainstModel(RuleBasedStateMachine):
    template: Template

    @initialize()
    def create_world(self) -> None:
        self.url = self.template.copy()
        self.world = world = World(self.url)
        named = world.named
        self.ids = {
            (field, name): facts["id"] for field, kind in RECORDS.items() for name, facts in named[kind].items()
        }
        self.ids["department_id", "small"] = world.in_transaction(create_small_department)
        self.plans = plans_of_small_department(self.ids)
        world.in_transaction(self.create_plans)
        self.flow = named["transfer_types"]["internal_transfer"]["flow_id"]
        self.custom_field = named["employment_fields"]["text"]["field_name"]
        named_offboardings = [named["offboardings"][name] for name in OFFBOARDING_NAMES]
        ids = [person["id"] for person in world.hire(2)]
        ids += [world.employment(name)["id"] for name in NAMES]
        ids += [offboarding["employment_id"] for offboarding in named_offboardings]
        self.job_data_ids: dict[str, str] = {}
        people = {id: self.read_person(id) for id in ids}
        self.model = self.read_master_data(people)
        first = world.employment("rehired_before")
        for id, employment_id in [
            *((o["id"], o["employment_id"]) for o in named_offboardings),
            (first["offboarding_id"], first["id"]),
        ]:
            self.model.offboardings.append(self.read_offboarding(id, people[employment_id]))
        self.model.pre_hires = {named["pre_hires"][n]["id"]: n for n in PRE_HIRE_NAMES}
        self.keys: dict[str, tuple[JobChange, Body]] = {}
        for which in (0, 1):
            self.create(which, (True, -7), NARROW_JOB)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.assert_timelines_match()
            self.world.close()
            self.template.delete(self.url)

    # -- rules -------------------------------------------------------------------------------------------------

    @rule(
        which=st.integers(0, 17),
        day=DAYS,
        chosen=st.lists(st.sampled_from(TARGETS), min_size=1, max_size=3, unique_by=lambda target: target[0]),
        originals=st.sampled_from(["none", "none", "agreed", "recorded", "wrong"]),
        key=KEYS,
    )
    def change_anything(self, which: int, day: DayChoice, chosen: Chosen, originals: str, key: str) -> None:
        self.create(which, day, chosen, originals=originals, key=key)

    @rule(which=st.integers(0, 17), day=DAYS, chosen=st.sampled_from(TARGETS), key=KEYS)
    def change_one_value_by_approval(self, which: int, day: DayChoice, chosen: tuple[str, Any], key: str) -> None:
        self.create(which, day, [chosen], by_approval=True, key=key)

    @rule(
        which=st.integers(0, 1),
        day=DAYS,
        department=st.sampled_from(["home", "active", "small"]),
        hours=st.sampled_from(["", "30", "36"]),
        originals=st.sampled_from(["none", "agreed", "agreed", "recorded"]),
        by_approval=st.sampled_from([False, False, False, True]),
    )
    def move_on(
        self, which: int, day: DayChoice, department: str, hours: str, originals: str, by_approval: bool
    ) -> None:
        """Move one of two people again and again, so that changes wait upon each other."""
        chosen = [("department_id", department), *([("weekly_working_hours", hours)] if hours else [])]
        self.create(which, day, chosen, originals=originals, by_approval=by_approval)

    @rule(
        which=st.integers(0, 1),
        day=DAYS,
        chosen=st.lists(st.sampled_from(JOB_TARGETS), min_size=1, max_size=2, unique_by=lambda target: target[0]),
    )
    def change_job(self, which: int, day: DayChoice, chosen: Chosen) -> None:
        self.create(which, day, chosen)

    @rule(which=st.integers(0, 1), days=st.sampled_from([1, 2, 5]), key=KEYS, revoke_first=st.booleans())
    def widen_job(self, which: int, days: int, key: str, revoke_first: bool) -> None:
        """Change the family, and later the level to one that fits the new family only; perhaps revoke the first."""
        first = self.create(which, (True, days), [("job_family_id", "other")], key=key)
        second = self.create(which, (True, days), [("job_level_id", "other"), ("weekly_working_hours", "30")])
        if first and second and revoke_first:
            self.revoke(first)

    @rule(
        which=st.sampled_from([0, 2, 3, 5]),
        day=DAYS,
        city=st.sampled_from(["work_city", "work_city_ahead", "work_city_behind"]),
        hours=st.sampled_from(["", "30", "36"]),
    )
    def change_place(self, which: int, day: DayChoice, city: str, hours: str) -> None:
        self.create(which, day, [("work_location_id", city), *([("weekly_working_hours", hours)] if hours else [])])

    @rule(which=st.sampled_from([0, 1, 2, 3, 4, 5, 6, 9]), day=DAYS, job=st.sampled_from([[], [("job_id", "active")]]))
    def join_small_department(self, which: int, day: DayChoice, job: Chosen) -> None:
        self.create(which, day, [("department_id", "small"), *job])

    @rule(
        which=st.sampled_from([0, 1, 8]),
        day=DAYS,
        flag=st.sampled_from([None, None, True, True, False]),
        end=st.sampled_from([None, -20, 20, 20, 90]),
        hours=st.sampled_from(["30", "36"]),
    )
    def change_probation(self, which: int, day: DayChoice, flag: bool | None, end: int | None, hours: str) -> None:
        chosen = [*([("probation_end_date", end)] if end else []), ("weekly_working_hours", hours)]
        self.create(which, day, [] if flag is False and not end else chosen, flag=flag)

    @rule(which=st.integers(0, 5), day=DAYS, number=st.sampled_from(["T1", "T2"]), key=KEYS)
    def change_number(self, which: int, day: DayChoice, number: str, key: str) -> None:
        self.create(which, day, [("employee_number", number)], key=key)

    def create(
        self,
        which: int,
        day_choice: DayChoice,
        chosen: Chosen,
        *,
        originals: str = "none",
        by_approval: bool = False,
        flag: bool | None = None,
        key: str = "",
    ) -> JobChange | None:
        """Create a job change and return it, unless it is refused or repeats the one with this transfer key."""
        model, person = self.model, list(self.model.people.values())[which]
        after_others, days = day_choice
        changes = model.changes_of(person, *ACTIVE) if after_others else []
        day = later(max([model.today(), *(c.day for c in changes)]), days)
        values = {name: self.resolve(name, value) for name, value in chosen}
        given = self.originals(originals, person, day, values)
        holder, expected = self.keys.get(key, (None, {}))
        is_repeated = holder is not None and holder.person is person
        request = Request(person, day, values, given, flag, key_of_another=holder is not None and not is_repeated)
        members: Body = {"effective_date": day, "transfer_key": key or None}
        if by_approval:
            members |= {"transfer_mode": 2, "flow_id": self.flow}
        response = self.world.create_job_change(person.id, self.transfer_info(values, given, flag), **members)
        if holder is not None and is_repeated:
            assert response.data == expected | {"status": STATUS_CODES[holder.status]}
            return None
        assert response.code == model.create_error_code(request), (request, response.body, self.world.refused_by())
        if response.code != 0:
            return None
        current = model.agreed(person, day)
        id, process_id = response.data["job_change_id"], response.data["process_id"]
        assert bool(process_id) is by_approval
        job_change = model.record(request, id, process_id, len(self.tasks(process_id)) if process_id else 0)
        replaced = {name: value for name in job_change.targets if (value := current.get(name)) is not None}
        echoed = self.transfer_info(job_change.targets, given | replaced, flag, echo=True)
        assert response.data["transfer_info"] == echoed
        model.apply_due()
        assert response.data["status"] == STATUS_CODES[job_change.status]
        if key:
            self.keys[key] = (job_change, response.data)
        return job_change

    @precondition(lambda self: self.processes())
    @rule(which=st.integers(0, 20), approve=st.integers(0, 3))
    def answer_task(self, which: int, approve: int) -> None:
        waiting = self.processes()
        subject = waiting[which % len(waiting)]
        (task,) = self.world.pending_tasks(subject.process_id)
        self.world.answer_task(subject.process_id, task["approver_id"], 3 if approve else 2).assert_ok()
        subject.tasks_left -= 1
        if not approve:
            subject.status = "Rejected"
        elif subject.tasks_left == 0:
            subject.status = "Approved"
            self.model.apply_due()
            if isinstance(subject, Offboarding):
                self.model.leave_if_over(subject)

    @precondition(lambda self: self.model.job_changes)
    @rule(which=st.integers(0, 20), only_active=st.booleans())
    def revoke_job_change(self, which: int, only_active: bool) -> None:
        active = [c for c in self.model.job_changes if c.status in ACTIVE]
        found = active if only_active and active else self.model.job_changes
        self.revoke(found[which % len(found)])

    @precondition(lambda self: self.built_upon())
    @rule(which=st.integers(0, 20))
    def revoke_what_others_are_built_upon(self, which: int) -> None:
        found = self.built_upon()
        self.revoke(found[which % len(found)])

    def built_upon(self) -> list[JobChange]:
        """Return the waiting changes of people for whom a later one waits."""
        waiting = [self.model.changes_of(person, *PENDING) for person in self.model.people.values()]
        return [job_change for changes in waiting for job_change in changes[:-1]]

    def revoke(self, job_change: JobChange) -> None:
        assert self.world.revoke(job_change.id).data["result"] is (job_change.status in ACTIVE)
        if job_change.status in ACTIVE:
            self.model.revoke_job_change(job_change)

    @rule(which=st.sampled_from([1, 1, 2, 3, 4, 6, 8, 8]), days=st.sampled_from([0, 5, 40]))
    def submit_offboarding(self, which: int, days: int) -> None:
        """Record a direct offboarding, as the operation that is not built yet would."""
        person, last_day = list(self.model.people.values())[which], later(self.model.today(), days)
        changes = self.model.changes_of(person, *ACTIVE)
        if (
            self.model.offboardings_of(person, *PENDING, "Offboarded")
            or self.model.changes_of(person, "Approving")
            or any(c.day > last_day for c in changes)
        ):
            return
        id = create_offboarding(self.world, person.id, last_day)
        self.model.offboardings.append(Offboarding(id, person, last_day, "NoNeedApproval"))

    @rule(
        which=st.integers(0, 20),
        days=st.sampled_from([None, None, -1, 0, 5, 40, 400]),
        explanation=st.sampled_from([None, None, "unchanged", "moving away", ""]),
        only_ready=st.booleans(),
    )
    def edit_offboarding(self, which: int, days: int | None, explanation: str | None, only_ready: bool) -> None:
        """Edit the last day, the explanation or both; `None` is not sent, unless there is nothing else to send."""
        model = self.model
        ready = [offboarding for offboarding in model.offboardings if offboarding.status in READY]
        found = ready if only_ready and ready else model.offboardings
        offboarding = found[which % len(found)]
        fields: dict[str, str] = {}
        if days is not None or explanation is None:
            fields["offboarding_date"] = offboarding.last_day if days is None else later(model.today(), days)
        if explanation is not None:
            unchanged = explanation == "unchanged"
            fields["reason_explanation"] = (offboarding.explanation or "") if unchanged else explanation
        updates = [{"field_name": name, "value": value} for name, value in fields.items()]
        body = {"offboarding_id": offboarding.id, "update_data": updates}
        last_day = fields.get("offboarding_date", offboarding.last_day)
        text = fields.get("reason_explanation", offboarding.explanation) or None
        expected = model.edit_error_code(offboarding, last_day, text)
        response = self.world.call("POST", EDIT_PATH, body, user_id_type=USER_ID_TYPE)
        assert response.code == expected, (offboarding, fields, response.body, self.world.refused_by())
        if response.code == 0:
            assert response.data == {"data": updates}
            offboarding.last_day, offboarding.explanation = last_day, text
            model.leave_if_over(offboarding)

    @rule(which=st.integers(0, 20))
    def revoke_offboarding(self, which: int) -> None:
        offboarding = self.model.offboardings[which % len(self.model.offboardings)]
        response = self.world.call("POST", REVOKE_PATH, {"offboarding_id": offboarding.id}, user_id_type=USER_ID_TYPE)
        assert response.code == {"Rejected": 1160102, "Withdrawn": 1160202}.get(offboarding.status, 0), response.body
        if response.code == 0:
            self.model.revoke_offboarding(offboarding)

    @rule(which=st.integers(0, 3))
    def withdraw_pre_hire(self, which: int) -> None:
        id = list(self.model.pre_hires)[which]
        response = self.world.call("POST", WITHDRAW_PATH, {"pre_hire_id": id, "withdraw_reason": "another offer"})
        status = self.model.pre_hires[id]
        assert response.code == (0 if status in ("preboarding", "day_one") else 1161129), response.body
        self.model.pre_hires[id] = "withdrawn" if response.code == 0 else status

    @rule(days=st.sampled_from([-30, -1, 0, 1, 15]))
    def query_job_data(self, days: int) -> None:
        """A query answers what has taken effect."""
        day, people = later(self.model.today(), days), self.model.people
        body = {"employment_ids": list(people), "data_date": day}
        items = self.world.call("POST", QUERY_JOB_DATA_PATH, body, page_size=100, **COREHR_ID_TYPES).data["items"]
        found = {item["employment_id"]: {name: item["job_datas"][0][name] for name in RECORDS} for item in items}
        recorded = {id: self.model.values(person, day) for id, person in people.items() if person.first_day <= day}
        assert found == {id: {name: values[name] for name in RECORDS} for id, values in recorded.items()}

    @rule(hours=st.sampled_from([4, 6, 9, 13, 24]))
    def let_hours_pass(self, hours: int) -> None:
        self.advance(hours)

    @rule(days=st.sampled_from([2, 5, 10, 10]))
    def let_days_pass(self, days: int) -> None:
        self.advance(24 * days)

    def advance(self, hours: int) -> None:
        self.world.advance(hours=hours)
        self.model.advance(hours)

    @invariant()
    def records_match(self) -> None:
        if not hasattr(self, "world"):
            return
        model = self.model
        found: Any = self.world.in_transaction(
            lambda tx: (
                {row["id"]: row["status"] for row in tx.fetch_all(_SELECT_JOB_CHANGES)},
                {row["id"]: (row["status"], row["offboarding_date"]) for row in tx.fetch_all(_SELECT_OFFBOARDINGS)},
                {row["id"]: row["end_date"] for row in tx.fetch_all(_SELECT_EMPLOYMENTS)},
            )
        )
        expected: Any = (
            {c.id: c.status for c in model.job_changes},
            {o.id: (o.status, o.last_day) for o in model.offboardings},
            {person.id: model.end_date(person) for person in model.people.values()},
        )
        assert [{id: found[n][id] for id in modelled} for n, modelled in enumerate(expected)] == list(expected)

    # -- the end -----------------------------------------------------------------------------------------------

    def assert_timelines_match(self) -> None:
        """Assert that on every day each person is what the model says, and who holds which employee number."""
        model = self.model
        kinds = (
            (JOB_DATA, "job_data", self.job_data_ids),
            (EMPLOYMENT, employments.KIND, {id: id for id in model.people}),
            (PROBATION, probation.KIND, {id: id for id in model.people}),
        )
        for kind, name, entity_ids in kinds:
            for id, person in model.people.items():
                actual, entries = self.read_entries(name, entity_ids[id], kind), person.entries[kind]
                starts = sorted({entry.day for entry in (*actual, *entries)})
                for day in each_day(starts[0], starts[-1]) if starts else ():
                    in_force = [entry.patch for entry in actual if entry.day <= day]
                    expected = replay(entries, day)
                    assert (in_force[-1] if in_force else {}) == {n: expected.get(n) for n in kind if expected}, (
                        id,
                        day,
                    )
        rows = self.world.in_transaction(lambda tx: tx.fetch_all(_SELECT_NUMBERS))
        holders = {(row["employment_id"], row["number"]) for row in rows if row["employment_id"] in model.people}
        assert holders == {(id, n) for id, person in model.people.items() for n in model.numbers_of(person)}
        for id, status in model.pre_hires.items():
            assert self.world.sandbox("GET", f"records/pre_hires/{id}")["onboarding_status"] == status

    # -- what the model begins with ----------------------------------------------------------------------------

    def read_person(self, id: str) -> Person:
        record = self.world.sandbox("GET", f"records/employments/{id}")
        self.job_data_ids[id] = record["job_data_id"]
        contracts = [
            self.world.sandbox("GET", f"records/contracts/{c}")["versions"][-1] for c in record["contract_ids"]
        ]
        return Person(
            id,
            record["onboarding_date"],
            None if record["offboarding_ids"] else record["end_date"],
            {
                JOB_DATA: self.read_entries("job_data", record["job_data_id"], JOB_DATA),
                EMPLOYMENT: self.read_entries(employments.KIND, id, EMPLOYMENT),
                PROBATION: self.read_entries(probation.KIND, id, PROBATION),
            },
            [(c["body"]["contract_start_date"], c["body"].get("contract_end_date")) for c in contracts],
        )

    def read_entries(self, kind: str, id: str, names: tuple[str, ...]) -> list[Entry]:
        """Return the versions of an entity as entries, with the model's fields."""
        timeline = self.world.in_transaction(lambda tx: versions.timeline(tx, kind, id))
        keys = {name: custom_fields.key_of(self.custom_field) if name == CUSTOM_FIELD else name for name in names}
        return [Entry("", v.valid_from, {name: v.body.get(key) for name, key in keys.items()}) for v in timeline]

    def read_offboarding(self, id: str, person: Person) -> Offboarding:
        record = self.world.sandbox("GET", f"records/offboardings/{id}")
        process_id = record["process_id"] or ""
        tasks = len(self.tasks(process_id)) if process_id else 0
        explanation = record["info"].get("reason_explanation")
        if record["status"] == "Offboarded":
            cause = (offboardings.APPROVAL_SUBJECT, id)
            for n, entry in enumerate(entries := person.entries[EMPLOYMENT]):
                if entry.day == later(record["offboarding_date"], 1):
                    entries[n] = Entry(cause[1], entry.day, {"employment_status": "terminated"})
        return Offboarding(id, person, record["offboarding_date"], record["status"], process_id, tasks, explanation)

    def read_master_data(self, people: dict[str, Person]) -> Model:
        """Return a model of these people, with what rules read of time zones, pathways and jobs."""
        world, pathways, allowed = self.world, {}, {}
        zones = {facts["id"]: facts["zone"] for facts in world.named["locations"].values()}
        for field, kind in (("job_family_id", "job_families"), ("job_level_id", "job_levels"), ("job_id", "jobs")):
            ids = {entry.patch[field] for person in people.values() for entry in person.entries[JOB_DATA]}
            for id in ids | {self.ids[target] for target in TARGETS if target[0] == field}:
                body = world.sandbox("GET", f"records/{kind}/{id}")["version"]["body"]
                pathways[id] = body.get("pathway_ids") or []
                allowed[id] = {name: body.get(f"{name}s") or [] for name in ("job_family_id", "job_level_id")}
        return Model(NOW, zones, pathways, allowed, self.plans, people)

    def create_plans(self, tx: Tx) -> None:
        for plan in self.plans:
            workforce_plans.create(tx, tx.new_id(), plan.dimensions, plan.places, "2000-01-01", "9999-12-31")

    # -- internals ---------------------------------------------------------------------------------------------

    def resolve(self, name: str, value: Any) -> Any:
        if name == "probation_end_date":
            return later(self.model.today(), value)
        return self.ids.get((name, value), value or None)

    def originals(self, which: str, person: Person, day: str, targets: Body) -> Body:
        """Return originals for a request: those agreed for the day, those recorded for it, or a wrong one."""
        if which == "none":
            return {}
        if which == "wrong":
            return {"weekly_working_hours": "77"}
        values = self.model.agreed(person, day) if which == "agreed" else self.model.values(person, day)
        names = [*targets, "weekly_working_hours", CUSTOM_FIELD]
        return {name: values[name] for name in names if name == CUSTOM_FIELD or values.get(name)} if values else {}

    def transfer_info(self, targets: Body, originals: Body, probation_exist: bool | None, echo: bool = False) -> Body:
        """Return the `transfer_info` of a request, or as the response echoes it."""
        info: Body = {} if probation_exist is None else {"probation_exist": probation_exist}
        for side, values in (("target", targets), ("original", originals)):
            info |= {f"{side}_{wire}": values[name] or "" for name, wire in WIRE_NAMES.items() if name in values}
            change: Body = {name: values[name] for name in ("employee_number",) if name in values}
            if CUSTOM_FIELD in values:
                custom = {"custom_api_name": self.custom_field, "value": values[CUSTOM_FIELD] or ""}
                change["custom_fields"] = [custom | ({"name": CUSTOM_NAME, "type": 1} if echo else {})]
            if change:
                info[f"{side}_employment_change"] = change
        return info

    def processes(self) -> list[JobChange | Offboarding]:
        """Return what waits for its approvers."""
        subjects: list[JobChange | Offboarding] = [*self.model.job_changes, *self.model.offboardings]
        return [subject for subject in subjects if subject.status == "Approving"]

    def tasks(self, process_id: str) -> Any:
        return self.world.sandbox("GET", f"records/processes/{process_id}")["tasks"]


NOW = datetime(2026, 1, 5, 1, tzinfo=UTC)
"""The world time at which a demo company of the tests begins."""

STATUS_CODES = {"Approving": 0, "Approved": 1, "Transformed": 2, "Rejected": 3, "Cancelled": 4, "NoNeedApproval": 5}
CUSTOM_NAME = {"zh_cn": "花名", "en_us": "Nickname"}


def create_small_department(tx: Tx) -> str:
    """Create a department in which nobody is yet, and return its id."""
    id = tx.new_id()
    departments.create(tx, id, "D-small", "2020-01-01", {"name": {"zh-CN": "小组", "en-US": "Small team"}})
    return id


def plans_of_small_department(ids: Mapping[tuple[str, str], str]) -> list[Plan]:
    """Return the plans of that department: two people, one of them in the job `active`."""
    small = {"department_id": ids["department_id", "small"]}
    return [Plan(small, 2), Plan(small | {"job_id": ids["job_id", "active"]}, 1)]


@pytest.mark.parametrize(("store", "examples", "steps"), [("sqlite", 60, 60), ("postgres", 8, 40)])
def test_operations_agree_with_the_model(store: str, examples: int, steps: int, request: pytest.FixtureRequest) -> None:
    template = request.getfixturevalue(f"{store}_template")
    run_state_machine_as_test(
        type("Machine", (OperationsAgainstModel,), {"template": template}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
