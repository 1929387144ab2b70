"""Columns of JSON: statements encode their parameters and decode the values they select, for both stores."""

from typing import NamedTuple

import pytest
import sqlalchemy as sa

from corehr.kernel.statements import insert_into, json_column, statement, text_column, update_columns


class Point(NamedTuple):
    x: int


TABLE = sa.Table(
    "toy",
    sa.MetaData(),
    text_column("tenant", key=True),
    text_column("id", key=True),
    json_column("facts"),
    json_column("more", optional=True),
    json_column("typed", Point, optional=True),
)


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_json_is_encoded_when_it_is_written(store):
    written = getattr(insert_into(TABLE), store).bind(
        {"tenant": "t", "id": "1", "facts": {"a": [1]}, "more": None, "typed": None}
    )
    assert (written["id"], written["facts"], written["more"]) == ("1", '{"a":[1]}', None)
    updated = getattr(update_columns(TABLE, "facts"), store).bind({"tenant": "t", "id": "1", "facts": []})
    assert updated["facts"] == "[]"


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_json_is_decoded_when_it_is_selected(store):
    select = statement(sa.select(TABLE.c.id, TABLE.c.facts, TABLE.c.more))
    rows = getattr(select, store).to_rows([("1", '{"a":[1]}', None), ("2", "[]", '"x"')])
    assert rows == [{"id": "1", "facts": {"a": [1]}, "more": None}, {"id": "2", "facts": [], "more": "x"}]


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_json_is_decoded_to_the_type_of_its_column(store):
    select = statement(sa.select(TABLE.c.typed))
    assert getattr(select, store).to_rows([("[1]",)]) == [{"typed": Point(1)}]
    assert type(getattr(select, store).to_rows([("[1]",)])[0]["typed"]) is Point
