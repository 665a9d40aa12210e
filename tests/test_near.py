"""Which sentences are one statement, and which are not, however near."""

import pytest

from rag.text import overlap, same_statement, says_same, shingles

SALES = "去年销量连续迈过三道10万级大关,达到53万套。"
GROWTH = "全市地区生产总值同比增长5.5%，居全省第一位。"
ENGLISH = "The company sold 530,000 units in the previous year."


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SALES, "去年销量连续迈过三道１０万级大关，达到53万套"),  # width, commas, the mark at its end
        (SALES, "去年銷量連續邁過三道10萬級大關，達到53萬套。"),  # traditional
        (SALES, "去年销里连续迈过三道10万级大关,达到53万套。"),  # misread
        (SALES, "去年销量连续迈过三道10万级大关,达到 53 万套。"),
        (ENGLISH, "The company sold 530000 units in the prevlous year"),
    ],
)
def test_one_statement(one: str, other: str) -> None:
    assert same_statement(one, other)
    assert same_statement(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (SALES, "去年销量连续迈过三道10万级大关,达到35万套。"),
        (SALES, "去年销量连续迈过五道10万级大关,达到53万套。"),
        (SALES, "去年销量连续迈过三道10万级大关,达到53亿套。"),
        (SALES, "去年产量连续迈过三道10万级大关,达到53万套。"),
        (SALES, "去年销量连续迈过三道10万级大关,达到53万吨。"),
        (GROWTH, "全市地区生产总值同比下降5.5%，居全省第一位。"),
        (GROWTH, "全市地区生产总值同比增长-5.5%，居全省第一位。"),
        (GROWTH, "全市地区生产总值同比增长55%，居全省第一位。"),
        (GROWTH, "全市地区生产总值预计同比增长5.5%，居全省第一位。"),
        ("会议决定不再延长该项补贴政策的执行期限。", "会议决定再延长该项补贴政策的执行期限。"),
        ("武汉市的地区生产总值增长明显，居全省前列。", "宜昌市的地区生产总值增长明显，居全省前列。"),
        (ENGLISH, "The company sold 530,000 trucks in the previous year."),
        (ENGLISH, "The company sold 350,000 units in the previous year."),
        (ENGLISH, "The company never sold 530,000 units in the previous year."),
        ("Profit increased in every region of the country.", "Profit decreased in every region of the country."),
        ("", ""),
    ],
)
def test_another_statement_however_near(one: str, other: str) -> None:
    assert not same_statement(one, other)
    assert not same_statement(other, one)


def _at(text: str, sentence: str) -> tuple[int, int]:
    start = text.index(sentence)
    return start, start + len(sentence)


def test_a_short_sentence_says_the_same_only_in_the_same_surroundings() -> None:
    short = "去年增长5%。"
    wuhan = f"武汉的汽车产业集中在经开区，整车企业有十二家。{short}今年还要扩大产能。"
    reprint = f"【转载】武汉的汽车产业集中在经开区,整车企业有十二家。{short}"
    yichang = f"宜昌的磷化工沿江分布，关停了许多小厂。{short}旅游也恢复得很快。"
    assert says_same(wuhan, _at(wuhan, short), reprint, _at(reprint, short))
    assert not says_same(wuhan, _at(wuhan, short), yichang, _at(yichang, short))
    long = f"智新科技有关负责人介绍，{SALES}"
    assert says_same(f"甲。{long}", _at(f"甲。{long}", long), long, (0, len(long)))
    misread = long.replace("量", "里")
    assert not says_same(long, (0, len(long)), misread, (0, len(misread)))


def test_shingles_are_what_the_script_says_most_by() -> None:
    assert shingles("智新科技！") == ["智新", "新科", "科技"]
    assert shingles("A new unit") == ["anewu", "newun", "ewuni", "wunit"]
    assert shingles("好") == ["好"]
    assert overlap("智新科技", "智新科学") == pytest.approx(2 / 4)
