"""Follow-ups become questions that stand alone; what needs no model. How many do is measured in test_quality.py."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag.conversation import MOST, readings
from rag.conversation.latin import names_in
from rag.conversation.parts import period_of, phrases, place_of, take_apart
from rag.types import Turn


def after(*turns: str) -> list[Turn]:
    """The user and the assistant in turn; "" for an assistant that said nothing."""
    return [Turn(("user", "assistant")[n % 2], text) for n, text in enumerate(turns) if text]


@pytest.mark.parametrize(
    ("before", "question", "read"),
    [
        # a period for a period
        ("2024年甲公司的销量是多少？", "那2025年呢？", "2025年甲公司的销量是多少？"),
        ("2024年一季度武汉开工多少个项目？", "二季度呢？", "2024年二季度武汉开工多少个项目？"),
        ("武汉有多少座桥？", "2019年呢？", "2019年武汉有多少座桥？"),
        ("智新科技去年的销量是多少？", "那今年的目标呢？", "智新科技今年的销量目标是多少？"),
        ("2024年武汉计划新增多少个充电桩？", "2023年呢？", "2023年武汉新增多少个充电桩？"),
        ("2019年武汉新增多少个泊位？", "2020年计划多少？", "2020年武汉新增泊位的目标是多少？"),
        ("How many jobs did Wuhan create in 2024?", "And in 2025?", "How many jobs did Wuhan create in 2025?"),
        ("How long is the metro?", "and in 2019?", "How long is the metro in 2019?"),
        # a place for a place
        ("2024年江汉区新增了多少停车位？", "那武昌区呢？", "2024年武昌区新增了多少停车位？"),
        ("武漢2024年城鎮新增就業多少人？", "東西湖區呢？", "东西湖区2024年城镇新增就业多少人？"),
        ("How long is the metro in Wuhan?", "What about Shanghai?", "How long is the metro in Shanghai?"),
        # what is measured
        ("2024年武汉要举办多少场展会？", "演唱会呢？", "2024年武汉要举办多少演唱会？"),
        ("2020年武汉进出口总额的增长目标是多少？", "固定资产投资呢？", "2020年武汉固定资产投资的增长目标是多少？"),
        ("2025年上半年武汉船舶产量增长多少？", "汽车呢？", "2025年上半年武汉汽车产量增长多少？"),
        ("How many parks does Wuhan have?", "And how many lakes?", "How many lakes does Wuhan have?"),
        # a name for a pronoun, from the question or from its answer
        ("智新科技去年的销量是多少？", "它成立于哪一年？", "智新科技成立于哪一年？"),
        ("智新科技去年的销量是多少？", "该公司的总部在哪？", "智新科技的总部在哪？"),
        ("Where is Sky Digital based?", "Who founded it?", "Who founded Sky Digital?"),
        ("When did Luther's book appear?", "Who printed his work?", "Who printed Luther's work?"),
        ("How old is Jacksonville?", "Who lived there before?", "Who lived in Jacksonville before?"),
        (
            "Does Dongfeng build cars in Wuhan?",
            "And how many trucks?",
            "How many trucks does Dongfeng build cars in Wuhan?",
        ),
        ("When was it built?", "And ?", "When was it built?"),
        ("When was it built?", "What about ?", "When was it built?"),
        # a question that lacks its frame, or what it speaks of
        ("东西湖区2024年加装了多少部电梯？", "完成了多少个小区改造？", "东西湖区2024年完成了多少个小区改造？"),
        ("2019年武汉地铁运营总里程是多少？", "全国排第几？", "2019年武汉地铁运营总里程，全国排第几？"),
    ],
)
def test_what_is_left_out_is_filled_in(before: str, question: str, read: str) -> None:
    assert read in readings(question, after(before))


@pytest.mark.parametrize(
    ("turns", "question", "read"),
    [
        (("谁领导这个团队？", "团队由李会晟带领。"), "他是哪国人？", "李会晟是哪国人？"),
        (
            ("Who led the study?", "It was led by John Perotti in 1990."),
            "What did he say?",
            "What did John Perotti say?",
        ),
        (("2019年武汉建成多少公园？", "45个。", "绿道呢？", ""), "2020年呢？", "2020年武汉建成多少绿道？"),
    ],
)
def test_answers_and_earlier_turns_count(turns: tuple[str, ...], question: str, read: str) -> None:
    assert read in readings(question, after(*turns))


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("吴城锂电成立于哪一年？", "2020年武汉社会保险新增多少人次？"),  # its own period and place
        ("武汉有多少个区？", "2019年全市接待海内外游客多少亿人次、实现旅游总收入多少亿元、增长多少？"),  # says enough
        ("武汉有多少个区？", "？！"),
    ],
)
def test_what_stands_by_itself_is_left_alone(before: str, question: str) -> None:
    assert readings(question, after(before)) == [question]


@pytest.mark.parametrize(
    ("before", "question"),
    [
        ("甲市有多少个区？", "那曲市的面积多大？"),  # 那 is no lead here
        ("甲市有多少个区？", "面积多大？"),
        ("甲市有多少个区？", "智新科技和它的母公司成立于哪一年？"),  # points at a name of its own
        ("甲市有多少个区？", "谢谢"),
        ("When was Sky Digital launched?", "Who was Jacksonville named after?"),
        ("When was Sky Digital launched?", "What did Perotti say in his study?"),
        ("When was Sky Digital launched?", "How many lakes are there in Wuhan?"),
        ("武汉有多少个区？", "How many unicorns does Wuhan have?"),
    ],
)
def test_what_may_stand_by_itself_is_also_read_so(before: str, question: str) -> None:
    assert question in readings(question, after(before))


def test_a_pronoun_that_points_at_nothing_is_left() -> None:
    found = readings("How many lakes are there in Wuhan?", after("When was Sky Digital launched?"))
    assert not any("in Sky Digital" in reading for reading in found)


def test_another_language_is_read_with_the_question_before() -> None:
    before = "¿Cuánto creció la producción en 2024?"
    assert readings("¿Y la de coches?", after(before))[0] == f"{before} ¿Y la de coches?"
    assert readings("それは？", after("武漢の人口は何人ですか。"))[0] == "武漢の人口は何人ですか。 それは？"
    assert readings("And in 2025?", after("2024年武汉有多少个区？"))[0] == "2024年武汉有多少个区？ And in 2025?"


def test_nothing_before_and_too_much_before() -> None:
    assert readings("它呢？", []) == ["它呢？"]
    assert readings("它呢？", after("", "一个答案。")) == ["它呢？"]
    assert readings("它的面积呢？", after("长" * 2001)) == ["它的面积呢？"]
    assert readings("它的面积有多大？", after("甲市在哪？"), limit=5) == ["它的面积有多大？"]


@settings(deadline=None)
@given(st.lists(st.text(max_size=60), max_size=5), st.text(max_size=60))
def test_any_text_has_a_few_readings(turns: list[str], question: str) -> None:
    found = readings(question, after(*turns))
    assert 1 <= len(found) <= MOST
    assert len(set(found)) == len(found)
    assert found == readings(question, after(*turns))


_PIECES = st.sampled_from(
    [*"的呢那它是有？?，了在 “”（）", "2024年", "去年", "武汉", "目标", "多少", "哪一年", "谁", "销量", "it", "A"]
)


@settings(deadline=None)
@given(st.lists(st.lists(_PIECES, max_size=9).map("".join), max_size=3), st.lists(_PIECES, max_size=9).map("".join))
def test_any_pieces_of_questions_have_a_few_readings(turns: list[str], question: str) -> None:
    assert 1 <= len(readings(question, after(*turns))) <= MOST


def test_parts_of_a_question() -> None:
    assert period_of("2024年一季度武汉开工多少个项目？") == "2024年一季度"
    assert period_of("武汉有多少个区？") == ""
    assert [place_of(text) for text in ("武汉地铁", "东西湖区职校", "智新科技", "")] == ["武汉", "东西湖区", "", ""]
    assert phrases("吴城锂电每年的研发投入占多少？") == ["吴城锂电", "研发"]
    assert phrases("什么是“种苗工程”？") == ["“种苗工程”"]
    asked = take_apart("2024年武汉要举办多少场展会？")
    assert (asked.before, asked.asks, asked.after, asked.counts) == ("2024年武汉要举办", "多少场", "展会", True)
    assert take_apart("演唱会呢").asks == ""
    assert names_in("When was Sky Digital, in the University of Chicago's lab, launched?") == [
        "Sky Digital",
        "University of Chicago",
    ]
