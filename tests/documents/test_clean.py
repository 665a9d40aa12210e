import pytest

from rag.documents.clean import clean
from rag.documents.lines import date_line, is_furniture, is_terminal
from rag.documents.paragraphs import Kind, Line, Paragraph
from rag.documents.readers.text import loose_lines


def cleaned(text: str) -> list[str]:
    return [paragraph.text for paragraph in clean(list(loose_lines(text)))]


BODY = "全市规模以上工业增加值同比增长百分之五点一，其中高技术制造业增加值增长更快，"


def test_a_sentence_broken_by_an_empty_line_is_joined() -> None:
    assert cleaned(f"{BODY}2023年公\n\n司入围高质量发展专项。") == [f"{BODY}2023年公司入围高质量发展专项。"]


def test_a_word_broken_between_two_lines_is_joined() -> None:
    assert cleaned("——壮大战略性新兴产业,人工智\n\n能企业数增长35%。") == [
        "——壮大战略性新兴产业,人工智能企业数增长35%。"
    ]


def test_a_sentence_goes_on_behind_a_caption() -> None:
    text = f"{BODY}新增规上工业企业二百五十家,总数达到三千家，全市人工智\n\n\n\n新建的生产线。\n\n能企业数增长。"
    assert cleaned(text) == [
        f"{BODY}新增规上工业企业二百五十家,总数达到三千家，全市人工智能企业数增长。",
        "新建的生产线。",
    ]


def test_wrapped_lines_are_joined_and_headings_kept_apart() -> None:
    text = (
        "加快培育未来产业\n"
        "今年上半年，全市工业运行平稳，多数行业实现\n"
        "增长，工业用电和销售开票等指标好于一季度的\n"
        "水平，重大项目建设加快，企业信心稳步回升向\n"
        "好，全年目标有望完成。\n"
        "壮大中小企业群体\n"
        "上半年新增企业数量居全国前列，经济活力持续\n"
        "释放，营商环境不断改善，各方面的政策形成了\n"
        "合力。\n"
    )
    assert cleaned(text) == [
        "加快培育未来产业",
        "今年上半年，全市工业运行平稳，多数行业实现增长，工业用电和销售开票等指标好于一季度的水平，重大项目建设加快，企业信心稳步回升向好，全年目标有望完成。",
        "壮大中小企业群体",
        "上半年新增企业数量居全国前列，经济活力持续释放，营商环境不断改善，各方面的政策形成了合力。",
    ]


def test_english_lines_are_joined_with_a_space() -> None:
    text = (
        "The committee found, after a long and careful review of all the evidence before it, that the plan\nwas sound."
    )
    assert cleaned(text) == [text.replace("\n", " ")]


def test_letter_spaced_text_is_closed_up_and_other_spaces_are_kept() -> None:
    assert cleaned("关 ，筑 牢 产 业 发 展“ 压 舱 石”。") == ["关，筑牢产业发展“压舱石”。"]
    assert cleaned("显“韧劲” 冲刺“开门红” 好消息频传") == ["显“韧劲” 冲刺“开门红” 好消息频传"]
    assert cleaned("软件业务收入同比增长 15.7%。") == ["软件业务收入同比增长 15.7%。"]


def test_a_paragraph_printed_twice_is_kept_once() -> None:
    twice = "东西湖区全力推动传统工业转型升级,成立企业数字化转型赋能中心。"
    assert cleaned(f"{twice}\n\n中间一段话。\n\n{twice}") == [twice, "中间一段话。"]
    assert cleaned("是。\n\n是。") == ["是。", "是。"]


def test_numbered_parts_in_one_run_become_paragraphs() -> None:
    text = "总体情况良好。 一、项目背景 项目于2016年启动。(一)进展。已完成一半。全国前 十、中西部第一。"
    assert cleaned(text) == [
        "总体情况良好。",
        "一、项目背景",
        "项目于2016年启动。",
        "(一)进展。已完成一半。全国前 十、中西部第一。",
    ]


def test_source_lines_survive_joining() -> None:
    (paragraph,) = clean(list(loose_lines(f"\n{BODY}2023年公\n\n司入围高质量发展专项。")))
    assert paragraph.offsets() == [(0, 2), (len(BODY) + 6, 4)]


@pytest.mark.parametrize(
    "line",
    [
        "第 3 页",
        "共 50 页",
        "- 12 -",
        "400-162-2002",
        "责任编辑：张三",
        "返回顶部",
        "Copyright © 2024 Example",
        "https://example.org/a",
    ],
)
def test_furniture(line: str) -> None:
    assert is_furniture(line)


@pytest.mark.parametrize(
    "line",
    [
        "2025-07-09",
        "销量达到53万套。",
        "住房保障",
        "2024年",
        "分享经济成为新增长点。",
        "主办单位：市体育局",
        "1234567",
        "(c) the supplier fails to deliver 500 tonnes by 1 May; and",
        "Copyright law protects the authors of works",
        "电话：027-88886666",
    ],
)
def test_not_furniture(line: str) -> None:
    assert not is_furniture(line)


def test_menus_are_left_out_at_the_edges_of_a_page() -> None:
    menu = "首页导航\n新闻中心\n招商项目\n联系我们\n企业入驻\n"
    text = "正文第一句话在这里，说明了情况。"
    assert cleaned(f"{menu}{text}\n{menu}") == ["企业入驻", text]


def test_lists_of_names_are_no_menus() -> None:
    names = ["张三", "李四", "王五", "赵六", "钱七"]
    text = "\n".join(["委员会成员名单如下:", *names, "会议于周三举行，全体成员出席。"])
    assert cleaned(text) == text.split("\n")
    assert cleaned("会议名单如下：\n" + "\n".join(names)) == ["会议名单如下：", *names]
    assert cleaned("Milk\nEggs\nBread\nButter\nCheese") == ["Milk", "Eggs", "Bread", "Butter", "Cheese"]


@pytest.mark.parametrize(
    ("line", "date"),
    [
        ("2025-07-09", "2025-07-09"),
        ("2024-01-25 111", "2024-01-25"),
        ("发布时间：2024年1月25日 10:30", "2024-01-25"),
        ("2024年1月25日举行活动。", None),
    ],
)
def test_date_line(line: str, date: str | None) -> None:
    assert date_line(line) == date


def test_a_long_line_of_page_words_takes_no_time() -> None:
    assert date_line("2024年1月1日 " + "浏览" * 30 + " x") is None


@pytest.mark.parametrize(
    ("text", "finished"),
    [
        ("完成。", True),
        ("好消息频传——", True),
        ("（注：上半年数据）", True),
        ("各方面：", True),
        ("完成", False),
        ("2023年公", False),
    ],
)
def test_is_terminal(text: str, finished: bool) -> None:
    assert is_terminal(text) is finished


def test_headings_nest_when_they_follow_each_other() -> None:
    kinds = [
        (p.kind, p.level)
        for p in clean(list(loose_lines("构建产业链\n\n重塑招商机制 组建招商力量\n\n正文说明了有关的情况。")))
    ]
    assert kinds == [(Kind.HEADING, 2), (Kind.HEADING, 3), (Kind.TEXT, 0)]


def test_settled_paragraphs_are_left_as_they_are() -> None:
    raw = [Paragraph((Line("未完", 1),), settled=True), Paragraph((Line("，待续。", 2),), settled=True)]
    assert [p.text for p in clean(raw)] == ["未完", "，待续。"]


def test_a_book_of_one_sentence_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Joined line by line: what has been joined already is not read again for each."""
    told = [0]
    text = Paragraph.text.fget

    def counted(paragraph: Paragraph) -> str:
        said = text(paragraph)
        told[0] += len(said)
        return said

    monkeypatch.setattr(Paragraph, "text", property(counted))
    source = "abcdefghij, klmnopqrst uvwxyz abcdefghij klmnop\n" * 600
    (paragraph,) = clean(list(loose_lines(source)))
    assert len(paragraph.lines) == 600
    assert told[0] < 30 * len(source)
