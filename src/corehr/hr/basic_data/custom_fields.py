"""Records of custom fields: the definitions of a company, by the form they belong to."""

from collections.abc import Mapping

import sqlalchemy as sa

from corehr.engines.custom_fields import FieldDefinition
from corehr.kernel.db import Tx
from corehr.kernel.statements import insert_into, json_column, matches, statement, tenant_table, text_column

custom_field = tenant_table(
    "custom_field",
    text_column("form", key=True),
    text_column("name", key=True),
    text_column("name_zh"),
    text_column("name_en"),
    json_column("definition", FieldDefinition),
)

_INSERT = insert_into(custom_field)
_SELECT_BY_FORM = statement(
    sa.select(custom_field.c.name, custom_field.c.definition)
    .where(*matches(custom_field, "form"))
    .order_by(custom_field.c.name)
)


def create(tx: Tx, form: str, field: FieldDefinition, name_zh: str, name_en: str) -> None:
    """Insert a field into a form, for example `offboarding_info`. A field named as a built-in one replaces it."""
    tx.execute(_INSERT, form=form, name=field.name, name_zh=name_zh, name_en=name_en, definition=field)


def get_definitions(tx: Tx, form: str) -> Mapping[str, FieldDefinition]:
    """Return the custom fields of the form, by name."""
    return {row["name"]: row["definition"] for row in tx.fetch_all(_SELECT_BY_FORM, form=form)}
