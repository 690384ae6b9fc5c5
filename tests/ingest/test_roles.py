"""Roles by their names, in Chinese and English."""

from __future__ import annotations

import pytest

from faqtune.ingest.roles import guess_role


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("客户", "customer"),
        ("買家", "customer"),
        ("Visitor", "customer"),
        ("end_user", "customer"),
        ("用户8812", "customer"),
        ("客服-小美", "agent"),
        ("金牌客服", "agent"),
        ("客户经理王", "agent"),
        ("Assistant", "agent"),
        ("GPT", "agent"),
        ("系统消息", "system"),
        ("张三", None),
        ("7", None),
        ("", None),
    ],
)
def test_roles_by_name(value, role):
    assert guess_role(value) == role
