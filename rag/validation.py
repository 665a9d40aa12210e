"""What pydantic refuses, in Chinese: its own words are English."""

from collections.abc import Mapping
from typing import Any

_SAID = {
    "greater_than": "必须大于 {gt}。",
    "greater_than_equal": "不能小于 {ge}。",
    "less_than": "必须小于 {lt}。",
    "less_than_equal": "不能大于 {le}。",
    "literal_error": "必须是以下之一：{expected}。",
    "int_parsing": "必须是整数。",
    "int_from_float": "必须是整数。",
    "int_type": "必须是整数。",
    "float_parsing": "必须是数。",
    "float_type": "必须是数。",
    "bool_parsing": "必须是 true 或 false。",
    "bool_type": "必须是 true 或 false。",
    "string_type": "必须是文本。",
    "list_type": "必须是列表。",
    "dict_type": "必须是对象。",
    "string_too_short": "至少 {min_length} 个字符。",
    "string_too_long": "至多 {max_length} 个字符。",
    "too_short": "至少 {min_length} 项。",
    "too_long": "至多 {max_length} 项。",
    "missing": "缺少此项。",
    "extra_forbidden": "不支持此项。",
    "json_invalid": "不是有效的 JSON。",
}


def in_chinese(error: Mapping[str, Any]) -> str:
    """One of `ValidationError.errors()`; as pydantic says it, where there are no words of ours for it."""
    said = _SAID.get(error["type"])
    facts = {name: str(value).replace(" or ", " 或 ") for name, value in error.get("ctx", {}).items()}
    return said.format(**facts) if said else str(error["msg"])
