"""Records of custom fields: the definitions of a company, by the form they belong to."""

from collections.abc import Mapping
from typing import Final, NamedTuple

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
    sa.select(custom_field.c.name, custom_field.c.definition, custom_field.c.name_zh, custom_field.c.name_en)
    .where(*matches(custom_field, "form"))
    .order_by(custom_field.c.name)
)

_KEY_PREFIX: Final = "custom_fields."


class CustomField(NamedTuple):
    """A custom field of a form: its definition and its names in Chinese and English."""

    definition: FieldDefinition
    name_zh: str
    name_en: str


def create(tx: Tx, form: str, field: FieldDefinition, name_zh: str, name_en: str) -> None:
    """Insert a field into a form, for example `offboarding_info`. A field named as a built-in one replaces it."""
    tx.kept.pop(f"custom_fields/{form}", None)
    tx.execute(_INSERT, form=form, name=field.name, name_zh=name_zh, name_en=name_en, definition=field)


def get_fields(tx: Tx, form: str) -> Mapping[str, CustomField]:
    """Return the custom fields of the form, by name; a transaction reads them once."""
    key = f"custom_fields/{form}"
    if key not in tx.kept:
        rows = tx.fetch_all(_SELECT_BY_FORM, form=form)
        tx.kept[key] = {r["name"]: CustomField(r["definition"], r["name_zh"], r["name_en"]) for r in rows}
    fields: Mapping[str, CustomField] = tx.kept[key]
    return fields


def get_definitions(tx: Tx, form: str) -> Mapping[str, FieldDefinition]:
    """Return the definitions of the custom fields of the form, by name."""
    return {name: field.definition for name, field in get_fields(tx, form).items()}


def key_of(name: str) -> str:
    """Return the key under which the body of a version has the value of a custom field, one key for each field."""
    return _KEY_PREFIX + name


def is_key(key: str) -> bool:
    """Return whether a key of a body is that of a custom field."""
    return key.startswith(_KEY_PREFIX)


def name_of(key: str) -> str:
    """Return the name of the custom field with this key; the key of a built-in field is its name."""
    return key.removeprefix(_KEY_PREFIX)
