import pytest

from rag.errors import FilterError, SettingError
from rag.filters import filter_of
from rag.settings import load_settings


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("top_k", "0", "设置项 RAG_TOP_K：不能小于 1。"),
        ("max_risk", "2", "设置项 RAG_MAX_RISK：不能大于 1。"),
        ("top_k", "viele", "设置项 RAG_TOP_K：必须是整数。"),
        ("mode", "slow", "设置项 RAG_MODE：必须是以下之一：'fast' 或 'accurate'。"),
    ],
)
def test_a_setting_that_cannot_be_is_told_in_chinese(name: str, value: str, told: str) -> None:
    with pytest.raises(SettingError) as refused:
        load_settings(**{name: value})
    assert refused.value.message("zh").startswith(told[:-1])


def test_a_filter_that_is_none_is_told_in_chinese() -> None:
    with pytest.raises(FilterError) as refused:
        filter_of({"paths": "a"})
    assert refused.value.message("zh") == "筛选条件 paths：不支持此项。"
