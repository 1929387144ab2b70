"""The names of demo people: common Chinese names, and user ids made from their pinyin."""

from typing import Final

from corehr.demo.random import SeededRandom

SURNAMES: Final = (
    ("王", "wang"), ("李", "li"), ("张", "zhang"), ("刘", "liu"), ("陈", "chen"), ("杨", "yang"), ("黄", "huang"),
    ("赵", "zhao"), ("吴", "wu"), ("周", "zhou"), ("徐", "xu"), ("孙", "sun"), ("马", "ma"), ("朱", "zhu"),
    ("胡", "hu"), ("郭", "guo"), ("何", "he"), ("林", "lin"), ("罗", "luo"), ("高", "gao"), ("郑", "zheng"),
    ("梁", "liang"), ("谢", "xie"), ("宋", "song"), ("唐", "tang"), ("许", "xu"), ("韩", "han"), ("冯", "feng"),
)  # fmt: skip
GIVEN_NAMES: Final = (
    ("伟", "wei"), ("芳", "fang"), ("娜", "na"), ("敏", "min"), ("静", "jing"), ("丽", "li"), ("强", "qiang"),
    ("磊", "lei"), ("军", "jun"), ("洋", "yang"), ("勇", "yong"), ("艳", "yan"), ("杰", "jie"), ("娟", "juan"),
    ("涛", "tao"), ("明", "ming"), ("超", "chao"), ("霞", "xia"), ("平", "ping"), ("刚", "gang"), ("桂英", "guiying"),
    ("文博", "wenbo"), ("子涵", "zihan"), ("雨桐", "yutong"), ("思远", "siyuan"), ("晓东", "xiaodong"),
    ("欣怡", "xinyi"), ("建国", "jianguo"), ("海燕", "haiyan"), ("志强", "zhiqiang"), ("梦琪", "mengqi"),
    ("浩然", "haoran"),
)  # fmt: skip
_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"
_ID_LENGTH: Final = 8


def generate_name_and_id(random: SeededRandom, number: int) -> tuple[str, str]:
    """Return a random name, and a user id of eight characters that is unique to the number."""
    surname, given_name = random.choice(SURNAMES), random.choice(GIVEN_NAMES)
    return surname[0] + given_name[0], make_user_id(surname[1] + given_name[1], number)


def make_user_id(pinyin: str, number: int) -> str:
    """Return a user id: four letters of pinyin, padded with x, and the number in four digits to the base 36.

    A longer number takes more digits and fewer letters.
    """
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    letters = _ID_LENGTH - max(4, len(digits))
    return pinyin[:letters].ljust(letters, "x") + digits.rjust(_ID_LENGTH - letters, "0")
