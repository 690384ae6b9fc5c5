"""Numbers that name a person: which runs of digits are a phone, an identity card or a bank card.

Everything here works on plain digits (0 to 9, and X as the last place of an identity card).
"""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

Kind = Literal["phone", "id_card", "bank_card", "email"]

_REGIONS = (
    range(11, 16),
    range(21, 24),
    range(31, 38),
    range(41, 47),
    range(50, 55),
    range(61, 66),
    (71, 81, 82, 83, 91),
)
PROVINCES = frozenset(str(number) for numbers in _REGIONS for number in numbers)
"""First two digits of an identity card (GB/T 2260)."""
WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
CHECK_DIGITS = "10X98765432"
FIRST_YEAR = 1900

CARD = re.compile(r"62\d{14,17}|9558\d{15}|4\d{15}|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|35\d{14}")
"""Lengths and first digits of cards in use in China: UnionPay, ICBC's old ones, Visa, Mastercard, Amex, JCB."""
MOBILE = re.compile(r"(?:(?:00)?86)?1[3-9]\d{9}")
LANDLINE = re.compile(r"(?:(?:00)?86)?0?(?:10|2[0-57-9]|[3-9]\d\d)[2-8]\d{6,7}")
AREA = re.compile(r"0(?:10|2[0-57-9]|[3-9]\d\d)")


def is_id_card(digits: str) -> bool:
    """Whether digits are a resident identity card (GB 11643): province, and a date of birth that was.

    The check digit is not asked for: a number with one digit mistyped still names a person. The date alone
    lets one run of 18 random digits in some six thousand through (`test_order_numbers_are_left`).
    """
    if len(digits) == 18:
        return digits[:2] in PROVINCES and digits[:17].isdigit() and _was(digits[6:14])
    # The old form of 15 digits: two digits of the year, no check digit.
    return len(digits) == 15 and digits.isdigit() and digits[:2] in PROVINCES and _was(f"19{digits[6:12]}")


def has_right_check_digit(digits: str) -> bool:
    """Whether the last place of 18 is the one that GB 11643 asks for.

    >>> has_right_check_digit("11010519491231002X"), has_right_check_digit("110105194912310021")
    (True, False)
    """
    return CHECK_DIGITS[sum(int(d) * w for d, w in zip(digits, WEIGHTS, strict=False)) % 11] == digits[17].upper()


def _was(day: str) -> bool:
    try:
        born = date(int(day[:4]), int(day[4:6]), int(day[6:8]))
    except ValueError:
        return False
    return date(FIRST_YEAR, 1, 1) <= born <= date.today()


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: every second digit from the right doubled, the sum of digits divisible by ten.

    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    doubled = (int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits)))
    return sum(value - 9 * (value > 9) for value in doubled) % 10 == 0


def is_bank_card(digits: str) -> bool:
    return CARD.fullmatch(digits) is not None and luhn(digits)
