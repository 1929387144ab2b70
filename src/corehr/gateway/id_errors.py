"""The platform's errors of ids: an id of the platform that names nobody is refused before the rules are asked.

The platform has no code for the ids of CoreHR itself (people_corehr_id, people_corehr_department_id, people_admin_id):
those that name nobody are left to the rulebook of the operation.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from corehr.gateway.validator import abbreviate

OPEN_ID_OF_ANOTHER_APP = 99992361

UNKNOWN_ID_CODES: Mapping[str, int] = {
    "open_id": 99992351,
    "open_department_id": 99992357,
    "user_id": 99992360,
    "union_id": 99992364,
    "department_id": 99992380,
}
"""The code for an id that is none or names nobody, by id type."""

_EXAMPLES: Mapping[str, str] = {
    "open_id": "ou_da5****************dfe",
    "open_department_id": "od-da5****************dfe",
    "user_id": "64*******87",
    "union_id": "on_da5****************dfe",
    "department_id": "D096",
}
_ANOTHER_APP_MESSAGE = "open_id cross app"
_HELP_TEXT = (
    "Refer to the documentation to fix the error: "
    "https://open.feishu.cn/document/uAjLw4CM/ugTN1YjL4UTN24CO1UjN/trouble-shooting/how-to-obtain-openid"
)
_MAX_VIOLATIONS = 100


def _unknown_message(id_type: str, ids: Sequence[str]) -> str:
    return (
        f"The request you send is not a valid {{{id_type}}} or not exists, and the example value is "
        f"{{{_EXAMPLES[id_type]}}}. Invalid ids: [{' '.join(ids)}]. Please see field_violations for details and refer "
        "to API documentation to correct accordingly and resubmit"
    )


ID_ERRORS: Mapping[int, tuple[int, str]] = {
    OPEN_ID_OF_ANOTHER_APP: (400, _ANOTHER_APP_MESSAGE),
    **{code: (400, _unknown_message(id_type, ["x"])) for id_type, code in UNKNOWN_ID_CODES.items()},
}
"""HTTP status, and message with an example, of the errors of ids."""


class InvalidId(NamedTuple):
    """An id of a request that cannot be resolved: the dotted path of its field, its type, and the code for it."""

    path: str
    value: str
    id_type: str
    code: int


class InvalidIdError(Exception):
    """A request with ids that cannot be resolved. The first one has the code, and all with that code are listed."""

    def __init__(self, invalid_ids: Sequence[InvalidId]) -> None:
        first = invalid_ids[0]
        listed = [id for id in invalid_ids if id.code == first.code][:_MAX_VIOLATIONS]
        super().__init__(f"{first.code} {first.path}")
        self.code = first.code
        self.error_members: dict[str, Any] = {}
        if first.code == OPEN_ID_OF_ANOTHER_APP:
            self.refused_by, self.msg = "open_id_is_of_another_app", _ANOTHER_APP_MESSAGE
            self.error_members["message"] = _HELP_TEXT
            description = "the open_id is of another app"
        else:
            values = dict.fromkeys(abbreviate(id.value) for id in listed)
            self.refused_by, self.msg = "id_is_unknown", _unknown_message(first.id_type, list(values))
            description = f"not a valid {{{first.id_type}}} or not exists"
        self.error_members["field_violations"] = [
            {"field": id.path, "value": abbreviate(id.value), "description": description} for id in listed
        ]
