"""Custom fields, as records: the definitions that a company has made, by the form they belong to."""

from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from corehr.engines.custom_fields import Definition
from corehr.kernel.db import Tx, encode_json
from corehr.kernel.statements import add, having, statement, table, text

custom_field = table(
    "custom_field",
    text("form", key=True),
    text("name", key=True),
    text("name_zh"),
    text("name_en"),
    text("definition"),
)

_ADD = add(custom_field)
_OF = statement(
    sa.select(custom_field.c.name, custom_field.c.definition)
    .where(*having(custom_field, "form"))
    .order_by(custom_field.c.name)
)
_read = msgspec.json.Decoder(Definition).decode


def add_field(tx: Tx, form: str, it: Definition, name_zh: str, name_en: str) -> None:
    """A form, as `offboarding_info`, has one more field; called as a built-in one, it stands in its place."""
    definition = encode_json(it).decode()
    tx.run(_ADD, form=form, name=it.name, name_zh=name_zh, name_en=name_en, definition=definition)


def definitions(tx: Tx, form: str) -> Mapping[str, Definition]:
    """The form's fields by name."""
    return {row["name"]: _read(row["definition"]) for row in tx.all(_OF, form=form)}
