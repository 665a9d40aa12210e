import itertools
import subprocess
import sys
from pathlib import Path

import jieba
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rag import text


def sentences(value: str) -> list[str]:
    return [value[a:b] for a, b in text.sentence_spans(value)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("销量达53.5万套。收入77亿元!好吗?", ["销量达53.5万套。", "收入77亿元!", "好吗?"]),
        ("“投入不低于5%。”周耿说。据介绍,成立20年。", ["“投入不低于5%。”周耿说。", "据介绍,成立20年。"]),
        ("“武汉是首选城市！”就在二季度,企业签约。", ["“武汉是首选城市！”", "就在二季度,企业签约。"]),
        ("举办“到武汉去！”系列活动。", ["举办“到武汉去！”系列活动。"]),
        ("他问“去不去？”,没人答。", ["他问“去不去？”,没人答。"]),
        ("专项（见第二章。略）已完成。", ["专项（见第二章。略）已完成。"]),
        ("《你好！世界》出版了。", ["《你好！世界》出版了。"]),
        (
            "全市5G基站达到3.92万个;人工智能企业数增长35%,总数达650家。",
            ["全市5G基站达到3.92万个;", "人工智能企业数增长35%,总数达650家。"],
        ),
        ("短句；也短。", ["短句；也短。"]),
        ("同比增长78%……下一句。", ["同比增长78%……", "下一句。"]),
        (
            "Mr. Smith paid 3.5 dollars to A. B. Jones. He left... and came. Done",
            ["Mr. Smith paid 3.5 dollars to A. B. Jones.", "He left... and came.", "Done"],
        ),
        ("标题一\n正文。", ["标题一", "正文。"]),
        ("括号没有关（到这里。下一句。", ["括号没有关（到这里。", "下一句。"]),
        ("これは本です。次の文！", ["これは本です。", "次の文！"]),
        ("هل هذا صحيح؟ نعم.", ["هل هذا صحيح؟", "نعم."]),
    ],
)
def test_sentence_spans(value: str, expected: list[str]) -> None:
    assert sentences(value) == expected


@given(st.text(alphabet="武汉年a1 .。！？；;“”（）《》…\n,，", max_size=80))
def test_every_character_is_in_exactly_one_sentence(value: str) -> None:
    spans = text.sentence_spans(value)
    assert all(a < b for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in itertools.pairwise(spans))
    outside = "".join(
        value[a:b] for a, b in zip([0, *(b for _, b in spans)], [*(a for a, _ in spans), len(value)], strict=True)
    )
    assert not outside.strip()


def test_fold_unifies_width_script_and_case() -> None:
    assert text.fold("１.５％ 臺灣 ＡＢＣ") == "1.5% 台湾 abc"


@given(st.text(max_size=60))
def test_fold_aligned_agrees_with_fold_by_character(value: str) -> None:
    folded, origin = text.fold_aligned(value)
    assert folded == "".join(map(text.fold, value))
    assert len(origin) == len(folded)
    assert origin == sorted(origin)


def test_simplify_keeps_offsets() -> None:
    assert text.simplify("東西湖區籌集保障性租賃住房") == "东西湖区筹集保障性租赁住房"


def test_words_of_many_scripts() -> None:
    assert text.words("智新科技去年的销量") == ["智新", "科技", "去年", "的", "销量"]
    assert "привет" in text.words("Привет, мир!")
    assert text.words("タワー") == ["タワ", "ワー"]
    assert text.words("5G+工业 15.7%") == ["5g", "工业", "15.7%"]
    assert text.words("") == []


def test_traditional_and_simplified_give_the_same_words() -> None:
    assert text.words("武漢工業投資") == text.words("武汉工业投资")


def test_content_words_leave_out_what_only_asks() -> None:
    assert text.content_words("武汉有多少企业?") == ["武汉", "企业"]
    assert text.content_words("什么") == ["什么"]


def test_the_packed_dictionary_cuts_as_jieba_does(tmp_path, monkeypatch) -> None:
    samples = [
        "武汉市经信局紧盯11个重点区、12个重点行业",
        "研究生命起源的科学家",
        "AI芯片数控系统打破国外垄断",
        "亿咖通新一代芯片",
    ]
    jieba.initialize()
    expected = [list(jieba.cut_for_search(sample)) for sample in samples]
    total = jieba.dt.total
    text.build_dictionary(tmp_path)
    monkeypatch.setattr(jieba, "dt", jieba.Tokenizer())
    text.use_dictionary(tmp_path)
    assert not isinstance(jieba.dt.FREQ, dict)
    assert jieba.dt.total == total
    assert [list(jieba.dt.cut_for_search(sample)) for sample in samples] == expected


@pytest.mark.parametrize(
    ("value", "iso"),
    [
        ("2024年1月25日", "2024-01-25"),
        ("发布于 2024-01-25 10:00", "2024-01-25"),
        ("2024/3", "2024-03"),
        ("2024年3月", "2024-03"),
        ("电话 400-162-2002", None),
        ("12024-01-25", None),
    ],
)
def test_find_date(value: str, iso: str | None) -> None:
    found = text.find_date(value)
    assert (found[0] if found else None) == iso


def test_years_are_no_other_numbers() -> None:
    assert text.years("2024年武汉2000P算力、2000场活动,2023年、in 2022, 2019-2020年") == [
        "2024",
        "2023",
        "2022",
        "2019",
        "2020",
    ]


@pytest.mark.parametrize(
    ("folded", "word", "holds"),
    [
        ("达到53万套", "53", True),
        ("达到153万套", "53", False),
        ("a start", "art", False),
        ("人工智能产业", "智能", True),
        ("art", "art", True),
    ],
)
def test_contains_word(folded: str, word: str, holds: bool) -> None:
    assert text.contains_word(folded, word) is holds


def test_figures_and_dates_are_told_apart() -> None:
    value = "2024年1月25日,总面积14.8万平方米,增长7.5%—7.8%,位列第7。"
    assert [value[a:b] for a, b in text.date_spans(value)] == ["2024年1月25日"]
    figures = [value[a:b] for a, b in text.figure_spans(value)]
    assert "14.8万平方米" in figures
    assert not any("2024" in figure for figure in figures)
    value = "The club has 40 members, 3,570 m of track, 5 km away, 12 arches, and 300."
    assert [value[a:b] for a, b in text.figure_spans(value)] == ["40", "3,570 m", "5 km", "12", "300"]


@pytest.mark.parametrize(
    ("question", "said", "holds"),
    [
        ("城镇化率提高多少个百分点?", "城镇化率提高5.2个百分点。", True),
        ("提高多少百分点?", "提高5.2 个百分点。", True),
        ("提高多少个百分点?", "提高5.2%。", False),
        ("全长多少公里?", "全长100 公里。", True),
        ("全长多少公里?", "投资100亿元。", False),
        ("票价多少元?", "票价300 元。", True),
        ("投资多少亿元?", "投资3.5亿元。", True),
    ],
)
def test_the_unit_asked_for_is_found(question: str, said: str, holds: bool) -> None:
    assert text.holds_asked_unit(question, said) is holds


@pytest.mark.parametrize(
    ("question", "figure", "date"),
    [
        ("去年的销量是多少?", True, False),
        ("哪一年成立?", False, True),
        ("How many?", True, False),
        ("When was it?", False, True),
        ("谁说的?", False, False),
    ],
)
def test_what_a_question_asks_for(question: str, figure: bool, date: bool) -> None:
    assert (text.asks_figure(question), text.asks_date(question)) == (figure, date)


@pytest.mark.parametrize(
    ("sentence", "questions"),
    [
        ("去年，武汉新港集装箱吞吐量达156万标箱。", ["武汉新港集装箱吞吐量达多少万标箱？"]),
        ("全市有企业3家；蓝鲸工厂生产潜水泵超过700台。", ["蓝鲸工厂生产潜水泵多少台？"]),
        ("新增规模以上工业企业300家。", []),  # says not by whom
        ("蓝鲸工厂生产了“海豚”潜水泵700台。", []),
        ("蓝鲸工厂生产潜水泵泵700台。", []),
        ("蓝鲸工厂生产潜水泵700台以上。", []),  # no figure but a bound
        ("蓝鲸工厂2023年生产潜水泵700台。", []),  # two figures
        ("The town counts 40 bridges.", []),
    ],
)
def test_cloze_questions(sentence: str, questions: list[str]) -> None:
    assert list(text.cloze_questions(sentence)) == questions


def test_word_spans_boundary() -> None:
    assert text.word_spans_boundary("壮大人工智", "能企业")
    assert not text.word_spans_boundary("开放道路", "里程")
    assert not text.word_spans_boundary("", "里程")


def test_word_spans_are_offsets_in_the_text_itself() -> None:
    value = "ＡＢ工業投資與工業"
    assert [value[a:b] for a, b in text.word_spans(value, ["工业"])] == ["工業", "工業"]


@pytest.mark.parametrize(
    ("value", "year", "said"),
    [
        ("去年增长5%，今年再增长6%。", "2024", "去年2023年 今年2024年"),
        ("比上年增长5%，明年开工", "2019", "上年2018年 明年2020年"),
        ("2023年增长5%", "2024", ""),
    ],
)
def test_last_year_is_a_year(value: str, year: str, said: str) -> None:
    assert text.said_years(value, year) == said


@pytest.mark.parametrize(
    ("question", "parts"),
    [
        ("算力规模是多少，明年的目标又是多少？", ["算力规模是多少", "明年的目标又是多少"]),
        ("在2023年，产量是多少？", ["在2023年产量是多少"]),
        ("产量是多少，单位是万辆", ["产量是多少单位是万辆"]),
        ("武汉有机场", ["武汉有机场"]),
        ("Who founded it, and when?", ["Who founded it, and when?"]),
    ],
)
def test_parts_that_ask_for_something_of_their_own(question: str, parts: list[str]) -> None:
    assert text.asked_parts(question) == parts


@pytest.mark.parametrize(
    ("question", "several"),
    [
        ("现场签约了哪些企业？", True),
        ("Which companies signed?", True),
        ("What are the goals?", True),
        ("哪一年成立？", False),
        ("Which company is it?", False),
        ("产量是多少？", False),
    ],
)
def test_asking_for_a_list(question: str, several: bool) -> None:
    assert text.asks_list(question) is several


@pytest.mark.parametrize(
    ("sentence", "rows"),
    [
        ("围绕集成电路、新型显示、电脑整机三大板块，推动贯通", ["围绕集成电路、新型显示、电脑整机"]),
        ("化工、电子信息、钢铁4个行业保持两位数", ["化工、电子信息、钢铁"]),
        ("开通A线、B线等，建成C桥、D桥。", ["开通A线、B线", "建成C桥、D桥"]),
        ("只有一个。", []),
    ],
)
def test_rows_of_items(sentence: str, rows: list[str]) -> None:
    assert [sentence[a:b] for a, b in text.enumeration_spans(sentence)] == rows


@pytest.mark.parametrize(
    ("sentence", "questions"),
    [
        ("去年，武汉新港集装箱吞吐量达156万标箱。", ["武汉新港集装箱吞吐量达多少万标箱？"]),
        ("目前达到156万标箱，增长8%。", []),
        ("工业机器人、医疗设备产量增长84家。", []),
        ("The port handled 156 boats.", []),
    ],
)
def test_questions_made_of_sentences(sentence: str, questions: list[str]) -> None:
    assert list(text.cloze_questions(sentence)) == questions


def test_who_asks_first_does_not_read_what_jieba_is_told_when_compiled(tmp_path: Path) -> None:
    """Nothing is found compiled here, as after an installation by uv."""
    command = [sys.executable, "-W", "always", "-X", f"pycache_prefix={tmp_path}", "-c"]
    for module in ("rag.conversation.parts", "rag.text.asks", "rag.text"):
        result = subprocess.run([*command, f"import {module}"], capture_output=True, text=True, check=True, timeout=60)
        assert "jieba" not in result.stderr


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("白鹭县，面积：12公顷，人口：3万。", ("", "面积", "人口")),
        ("编号：17，姓名：张三。", ("编号", "姓名")),
        ("Heron, area: 12,000 ha, people: 3.", ("", "area", "people")),
        ("白鹭县 | 12公顷。", ("", "")),
        ("他说：天气很好，没有风。", ()),
        ("开会时间是10:30，地点不变。", ()),
        ("白鹭县的面积是12公顷。", ()),
    ],
)
def test_heads_of_a_row(value: str, expected: tuple[str, ...]) -> None:
    assert text.row_heads(value) == expected
