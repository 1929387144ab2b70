"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
NUMBER = sa.BigInteger()


def where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sa.text(condition), "postgresql_where": sa.text(condition)}


def upgrade() -> None:  # noqa: PLR0915  # one statement per table and index
    op.create_table(
        "app",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("app_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("secret_hash", TEXT, nullable=False),
        sa.Column("previous_secret_hash", TEXT, nullable=True),
        sa.Column("previous_secret_until", TEXT, nullable=True),
        sa.Column("scopes", TEXT, nullable=False),
        sa.Column("data_range", TEXT, nullable=False),
        sa.Column("pre_hires", TEXT, nullable=False),
        sa.Column("enabled", NUMBER, autoincrement=False, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("tokens_revoked_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "app_id"),
    )
    op.create_table(
        "assignment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("job_data_id", TEXT, nullable=False),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("valid_to", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.Column("department_id", TEXT, nullable=True),
        sa.Column("work_location_id", TEXT, nullable=True),
        sa.Column("job_id", TEXT, nullable=True),
        sa.Column("job_family_id", TEXT, nullable=True),
        sa.Column("job_level_id", TEXT, nullable=True),
        sa.Column("employee_type_id", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "job_data_id", "valid_from"),
    )
    op.create_index("assignment_by_department", "assignment", ["tenant", "department_id", "employment_id"])
    op.create_index("assignment_by_employment", "assignment", ["tenant", "employment_id"])
    op.create_table(
        "contract",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("contract_by_employment", "contract", ["tenant", "employment_id", "id"])
    op.create_table(
        "cost_center_child",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("parent_id", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "parent_id", "id"),
    )
    op.create_table(
        "custom_field",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("form", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("name_zh", TEXT, nullable=False),
        sa.Column("name_en", TEXT, nullable=False),
        sa.Column("definition", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "form", "name"),
    )
    op.create_table(
        "delivery",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("seq", NUMBER, autoincrement=False, nullable=False),
        sa.Column("app_id", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("due", TEXT, nullable=False),
        sa.Column("failures", NUMBER, autoincrement=False, nullable=False),
        sa.Column("leased_until", NUMBER, autoincrement=False, nullable=False),
        sa.Column("attempts", TEXT, nullable=False),
        sa.Column("finished_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "seq", "app_id"),
    )
    op.create_index("delivery_dead", "delivery", ["tenant", "app_id", "seq"], **where("state = 'dead'"))
    op.create_index("delivery_due", "delivery", ["tenant", "app_id", "due", "seq"], **where("state = 'waiting'"))
    op.create_index("delivery_finished", "delivery", ["tenant", "finished_at"], **where("finished_at IS NOT NULL"))
    op.create_index("delivery_lane", "delivery", ["tenant", "app_id", "subject", "seq"], **where("state = 'waiting'"))
    op.create_table(
        "demo_company",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("seed", NUMBER, autoincrement=False, nullable=False),
        sa.Column("employees", NUMBER, autoincrement=False, nullable=False),
        sa.Column("now", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "department",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("department_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("department_by_department_id", "department", ["tenant", "department_id"], unique=True)
    op.create_table(
        "employee_number",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("number", TEXT, nullable=False),
        sa.Column("source_id", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "number", "source_id"),
    )
    op.create_index("employee_number_by_source", "employee_number", ["tenant", "source_id"])
    op.create_table(
        "employment",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("user_id", TEXT, nullable=False),
        sa.Column("people_admin_id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("job_data_id", TEXT, nullable=False),
        sa.Column("onboarding_date", TEXT, nullable=False),
        sa.Column("end_date", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("employment_by_people_admin_id", "employment", ["tenant", "people_admin_id"], unique=True)
    op.create_index("employment_by_user_id", "employment", ["tenant", "user_id"], unique=True)
    op.create_table(
        "entry",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("entity_id", TEXT, nullable=False),
        sa.Column("seq", NUMBER, autoincrement=False, nullable=False),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("patch", TEXT, nullable=False),
        sa.Column("cause_kind", TEXT, nullable=False),
        sa.Column("cause_id", TEXT, nullable=False),
        sa.Column("recorded_at", TEXT, nullable=False),
        sa.Column("retracted_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "kind", "entity_id", "seq"),
    )
    op.create_index("entry_by_cause", "entry", ["tenant", "cause_id"])
    op.create_table(
        "event",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("seq", NUMBER, autoincrement=False, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("subject", TEXT, nullable=False),
        sa.Column("recorded_at", TEXT, nullable=False),
        sa.Column("payload", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "seq"),
    )
    op.create_index("event_by_type", "event", ["tenant", "type", "seq"])
    op.create_table(
        "flow",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name_zh", TEXT, nullable=False),
        sa.Column("name_en", TEXT, nullable=False),
        sa.Column("active", NUMBER, autoincrement=False, nullable=False),
        sa.Column("nodes", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "idempotency",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("app_id", TEXT, nullable=False),
        sa.Column("operation", TEXT, nullable=False),
        sa.Column("key", TEXT, nullable=False),
        sa.Column("result", TEXT, nullable=True),
        sa.Column("recorded_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "app_id", "operation", "key"),
    )
    op.create_index("idempotency_by_age", "idempotency", ["tenant", "recorded_at"])
    op.create_table(
        "job_change",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("mode", NUMBER, autoincrement=False, nullable=False),
        sa.Column("transfer_type", TEXT, nullable=False),
        sa.Column("transfer_reason", TEXT, nullable=True),
        sa.Column("flow_id", TEXT, nullable=True),
        sa.Column("process_id", TEXT, nullable=True),
        sa.Column("effective_date", TEXT, nullable=False),
        sa.Column("zone", TEXT, nullable=False),
        sa.Column("app_id", TEXT, nullable=True),
        sa.Column("transfer_key", TEXT, nullable=True),
        sa.Column("transfer_key_hash", TEXT, nullable=True),
        sa.Column("initiator_id", TEXT, nullable=True),
        sa.Column("remark", TEXT, nullable=True),
        sa.Column("offer_info", TEXT, nullable=True),
        sa.Column("dotted_manager_clean", NUMBER, autoincrement=False, nullable=True),
        sa.Column("probation_exist", NUMBER, autoincrement=False, nullable=True),
        sa.Column("targets", TEXT, nullable=False),
        sa.Column("originals", TEXT, nullable=False),
        sa.Column("target_department_id", TEXT, nullable=True),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.Column("revoked_by", TEXT, nullable=True),
        sa.Column("revoked_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("job_change_by_employment", "job_change", ["tenant", "employment_id", "id"])
    op.create_index("job_change_by_key", "job_change", ["tenant", "app_id", "transfer_key_hash"], unique=True)
    op.create_index(
        "job_change_pending",
        "job_change",
        ["tenant", "target_department_id"],
        **where("status IN ('Approving', 'Approved', 'NoNeedApproval')"),
    )
    op.create_index(
        "job_change_ready",
        "job_change",
        ["tenant", "zone", "effective_date"],
        **where("status IN ('Approved', 'NoNeedApproval')"),
    )
    op.create_table(
        "named_record",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("facts", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "kind", "name"),
    )
    op.create_table(
        "offboarding",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("offboarding_date", TEXT, nullable=False),
        sa.Column("previous_end_date", TEXT, nullable=True),
        sa.Column("info", TEXT, nullable=False),
        sa.Column("proposal", TEXT, nullable=True),
        sa.Column("process_id", TEXT, nullable=True),
        sa.Column("checklist_status", TEXT, nullable=False),
        sa.Column("checklist_process_id", TEXT, nullable=True),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.Column("updated_by", TEXT, nullable=True),
        sa.Column("revoked_at", TEXT, nullable=True),
        sa.Column("revoked_by", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("offboarding_by_employment", "offboarding", ["tenant", "employment_id", "id"])
    op.create_index(
        "offboarding_ready",
        "offboarding",
        ["tenant", "offboarding_date"],
        **where("status IN ('Approved', 'NoNeedApproval')"),
    )
    op.create_table(
        "onboarding_flow",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name_zh", TEXT, nullable=False),
        sa.Column("name_en", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "onboarding_task",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("pre_hire_id", TEXT, nullable=False),
        sa.Column("code", TEXT, nullable=False),
        sa.Column("position", NUMBER, autoincrement=False, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("status", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "pre_hire_id", "code"),
    )
    op.create_table(
        "pre_hire",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("onboarding_status", TEXT, nullable=False),
        sa.Column("onboarding_date", TEXT, nullable=True),
        sa.Column("department_id", TEXT, nullable=True),
        sa.Column("offer", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=False),
        sa.Column("flow_instance_id", TEXT, nullable=False),
        sa.Column("flow_status", TEXT, nullable=False),
        sa.Column("withdrawn_reason", TEXT, nullable=True),
        sa.Column("withdrawn_by", TEXT, nullable=True),
        sa.Column("withdrawn_at", TEXT, nullable=True),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("updated_at", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "process",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=False),
        sa.Column("subject_kind", TEXT, nullable=False),
        sa.Column("subject_id", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.Column("initiator_id", TEXT, nullable=True),
        sa.Column("properties", NUMBER, autoincrement=False, nullable=False),
        sa.Column("status", NUMBER, autoincrement=False, nullable=False),
        sa.Column("created_at", TEXT, nullable=False),
        sa.Column("completed_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("process_by_subject", "process", ["tenant", "subject_id"])
    op.create_table(
        "process_task",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("process_id", TEXT, nullable=False),
        sa.Column("node", NUMBER, autoincrement=False, nullable=False),
        sa.Column("approver", TEXT, nullable=False),
        sa.Column("all_of", NUMBER, autoincrement=False, nullable=False),
        sa.Column("status", NUMBER, autoincrement=False, nullable=False),
        sa.Column("answered_at", TEXT, nullable=True),
        sa.Column("reason", TEXT, nullable=True),
        sa.Column("by_system", NUMBER, autoincrement=False, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("process_task_by_approver", "process_task", ["tenant", "approver", "id"])
    op.create_index("process_task_by_process", "process_task", ["tenant", "process_id", "node"])
    op.create_table(
        "processed_day",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("zone", TEXT, nullable=False),
        sa.Column("day", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "zone"),
    )
    op.create_table(
        "reporting_line",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("line", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.Column("source_id", TEXT, nullable=False),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("valid_to", TEXT, nullable=False),
        sa.Column("manager_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "line", "employment_id", "source_id", "valid_from"),
    )
    op.create_index("reporting_line_by_source", "reporting_line", ["tenant", "source_id"])
    op.create_table(
        "role",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("employment_id", TEXT, nullable=False),
        sa.Column("role", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "employment_id", "role"),
    )
    op.create_table(
        "subscriber",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("app_id", TEXT, nullable=False),
        sa.Column("mode", TEXT, nullable=False),
        sa.Column("url", TEXT, nullable=False),
        sa.Column("encrypt_key", TEXT, nullable=False),
        sa.Column("verification_token", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "app_id"),
    )
    op.create_table(
        "subscription",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("type", TEXT, nullable=False),
        sa.Column("app_id", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "type", "app_id"),
    )
    op.create_table(
        "tenant",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("tenant_key", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("time_zone", TEXT, nullable=False),
        sa.Column("server_key", TEXT, nullable=False),
        sa.Column("world_time", TEXT, nullable=True),
        sa.Column("world_time_set_at", TEXT, nullable=True),
        sa.Column("seed", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant"),
    )
    op.create_table(
        "transfer_type",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("name_zh", TEXT, nullable=False),
        sa.Column("name_en", TEXT, nullable=False),
        sa.Column("flow_id", TEXT, nullable=True),
        sa.Column("active", NUMBER, autoincrement=False, nullable=False),
        sa.Column("system_only", NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_table(
        "version",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("entity_id", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("row", NUMBER, autoincrement=False, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("recorded_at", TEXT, nullable=False),
        sa.Column("superseded_at", TEXT, nullable=True),
        sa.PrimaryKeyConstraint("tenant", "entity_id", "kind", "row"),
    )
    op.create_index(
        "version_current", "version", ["tenant", "entity_id", "kind", "valid_from"], **where("superseded_at IS NULL")
    )
    op.create_table(
        "workforce_plan",
        sa.Column("tenant", TEXT, nullable=False),
        sa.Column("id", TEXT, nullable=False),
        sa.Column("department_id", TEXT, nullable=False),
        sa.Column("work_location_id", TEXT, nullable=True),
        sa.Column("job_id", TEXT, nullable=True),
        sa.Column("job_family_id", TEXT, nullable=True),
        sa.Column("job_level_id", TEXT, nullable=True),
        sa.Column("employee_type_id", TEXT, nullable=True),
        sa.Column("valid_from", TEXT, nullable=False),
        sa.Column("valid_to", TEXT, nullable=False),
        sa.Column("value", NUMBER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("tenant", "id"),
    )
    op.create_index("workforce_plan_by_department", "workforce_plan", ["tenant", "department_id", "id"])
