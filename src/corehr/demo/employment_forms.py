"""What job changes of a demo company can refer to beside its organisation: custom fields and work calendars."""

from typing import Any, Final

from corehr.demo.demo_build import DemoBuild
from corehr.engines.custom_fields import FieldDefinition, FieldType
from corehr.hr.basic_data import custom_fields
from corehr.hr.employees.employments import records as employments
from corehr.hr.leave.work_calendars import WORK_CALENDAR
from corehr.kernel.db import Tx

CUSTOM_FIELDS: Final[tuple[tuple[str, str, str, FieldType, dict[str, Any]], ...]] = (
    ("text", "花名", "Nickname", FieldType.TEXT, {}),
    ("multi_line", "工作内容", "Duties", FieldType.TEXT, {"multi_line": True}),
    ("url", "个人主页", "Home page", FieldType.TEXT, {"is_url": True}),
    ("bool", "可远程办公", "May work from home", FieldType.BOOL, {}),
    ("number", "通勤补贴", "Travel allowance", FieldType.NUMBER, {"decimals": 2, "digits": 8}),
    ("enum", "办公方式", "Way of working", FieldType.OPTION, {"options": ("option_1", "option_2")}),
    ("multi_enum", "外语", "Languages", FieldType.OPTION, {"options": ("option_1", "option_2"), "is_list": True}),
    ("date", "工牌有效期", "Badge valid until", FieldType.DATE, {}),
    ("date_time", "设备领取时间", "Equipment handed over at", FieldType.DATE, {"with_time": True}),
    ("person", "导师", "Mentor", FieldType.LOOKUP, {"target_kind": "employment"}),
    ("attachment", "承诺书", "Undertaking", FieldType.ATTACHMENT, {}),
    ("auto_number", "档案编号", "File number", FieldType.AUTO_NUMBER, {}),
    ("locked", "外部系统编号", "Number in another system", FieldType.TEXT, {"locked": True}),
)
"""The custom fields of employments: name, both labels, type and attributes."""


def create_all(tx: Tx, build: DemoBuild) -> None:
    """Create the custom fields and the calendars, after all else, so that the ids of other records stay the same."""
    _create_custom_fields(tx, build)
    _create_work_calendars(tx, build)


def _create_custom_fields(tx: Tx, build: DemoBuild) -> None:
    for number, (name, zh, en, kind, attributes) in enumerate(CUSTOM_FIELDS, 1):
        field_name, options = f"custom_field_{number}__c", attributes.get("options", ())
        definition = FieldDefinition(field_name, kind, **attributes)
        custom_fields.create(tx, employments.FORM, definition, zh, en)
        build.register("employment_fields", name, field_name, field_name=field_name, options=list(options))


def _create_work_calendars(tx: Tx, build: DemoBuild) -> None:
    """Create the calendar `standard`, which everyone has, and two that nobody has."""
    for name, id, zh, en in (
        ("standard", build.organisation.calendar, "标准日历", "Standard calendar"),
        ("other", tx.new_id(), "大小周日历", "Calendar with working Saturdays"),
        ("disabled", tx.new_id(), "旧日历", "Former calendar"),
    ):
        WORK_CALENDAR.create(tx, id, build.dates.founded, {"name": {"zh-CN": zh, "en-US": en}})
        build.register("work_calendars", name, id)
    WORK_CALENDAR.amend(tx, build.id_of("work_calendars", "disabled"), build.dates.day(-180), {"active": False})
