"""Order of messages by the time that the chat system wrote next to them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

from faqtune.ingest.messages import Message

_EPOCH = re.compile(r"(\d{9,11}|\d{13})(\.\d+)?")
_DATE = re.compile(
    r"(\d{4})\D(\d{1,2})\D(\d{1,2})\D{1,2}(\d{1,2})[:：时点](\d{1,2})"
    r"(?:[:：分](\d{1,2})(?:[.,:](\d{1,6})\d*)?)?[分秒]?\s*(?:Z|([+-])(\d\d):?(\d\d))?"
)


def in_time(messages: Sequence[Message]) -> Sequence[Message]:
    """Messages by time if every one has a date with a time of day, otherwise as they are.

    Equal times keep the order of the file; turned round where it runs from the newest to the oldest.
    """
    times: list[float] = []
    for message in messages:
        time = seconds(message.time)
        if time is None:
            return messages
        times.append(time)
    places = range(len(messages))
    if times and times[0] > times[-1]:
        places = places[::-1]
    return [messages[place] for place in sorted(places, key=times.__getitem__)]


def seconds(time: str) -> float | None:
    """Seconds since 1970 of a date with a time of day, or of an epoch in s or ms; None for anything else.

    >>> seconds("2017-01-05 09:11:28") - seconds("2017/1/5 9:11"), seconds("09:11")
    (28.0, None)
    """
    if epoch := _EPOCH.fullmatch(time):
        return float(time) / (1000 if len(epoch[1]) == 13 else 1)
    match = _DATE.match(time)
    if not match:
        return None
    *whole, fraction, sign, hours, minutes = match.groups()
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in whole)
        moment = dt.datetime(year, month, day, hour, minute, second, tzinfo=dt.UTC)
    except ValueError:
        return None
    offset = (int(hours) * 60 + int(minutes)) * 60 if sign else 0
    return moment.timestamp() - (-offset if sign == "-" else offset) + float(f"0.{fraction or 0}")
