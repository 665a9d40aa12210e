from pathlib import Path

import pytest

from rag.documents.build import read_bytes
from rag.documents.paragraphs import Paragraph
from rag.documents.readers import Part, Source, read_parts
from rag.documents.readers.encoding import decode
from rag.documents.readers.layout import Piece, Printed, printed_lines
from rag.documents.readers.pages import paragraphs_of
from rag.errors import EmptyFileError, FileTooLargeError, NotTextError, PathMissingError

TEXT = "武汉市政府工作报告，2024年。ABC 全角ＡＢＣ"


def paragraphs(name: str, source: str) -> list[Paragraph]:
    parts = [part for _, part in read_parts(Source(name, source.encode()))]
    return [paragraph for part in parts if isinstance(part, Part) for paragraph in part.paragraphs]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"])
def test_encodings_are_told_apart(encoding: str) -> None:
    text = TEXT if encoding not in ("utf-16-le", "utf-16-be") else "Plain English text in UTF-16, without its mark."
    assert decode(text.encode(encoding), "a.txt") == text


@pytest.mark.parametrize("data", [bytes(range(256)) * 40, b"\x89PNG\r\n\x1a\n" + bytes(500), b"\xff\xfe\x00"])
def test_binary_data_is_refused(data: bytes) -> None:
    with pytest.raises(NotTextError, match=r"a\.txt"):
        decode(data, "a.txt")


@pytest.mark.parametrize("data", [b"", b" \n\t ", b"\xef\xbb\xbf\n"])
def test_nothing_to_read_is_said(data: bytes) -> None:
    with pytest.raises(EmptyFileError, match=r"a\.txt"):
        decode(data, "a.txt")


def test_read_bytes_errors_name_the_path(tmp_path: Path) -> None:
    with pytest.raises(PathMissingError, match=r"gone\.txt"):
        read_bytes(tmp_path / "gone.txt", "gone.txt", 1)
    (tmp_path / "big.txt").write_bytes(b"a" * 1_500_000)
    with pytest.raises(FileTooLargeError, match="2 MB is over the limit of 1 MB"):
        read_bytes(tmp_path / "big.txt", "big.txt", 1)


def test_markdown_gives_its_text_with_source_lines() -> None:
    text = "# 标题\n\n正文 **重点** 与 [链接](http://example.org)。\n\n- 第一项\n- 第二项\n\n"
    source = text + "| a | b |\n|---|---|\n| 1 | 2 |\n"
    found = [(p.text, p.kind.value, p.level, p.lines[0].number) for p in paragraphs("a.md", source)]
    assert found == [
        ("标题", "heading", 1, 1),
        ("正文 重点 与 链接。", "text", 0, 3),
        ("第一项", "item", 0, 5),
        ("第二项", "item", 0, 6),
        ("a | b", "item", 0, 8),
        ("a: 1, b: 2.", "item", 0, 10),
    ]


def test_a_row_of_a_markdown_table_reads_as_one_of_a_web_page() -> None:
    source = "| 市 | 茶叶 | |\n|:--|--:|---|\n| **清溪镇** | `137吨` | 注\\|一 |\n"
    source += "| [白鹭县](http://a.b) | 198<br>吨 |\n\n说明。\n"
    assert [(p.text, p.lines[0].number) for p in paragraphs("a.md", source)] == [
        ("市 | 茶叶", 1),
        ("清溪镇，茶叶：137吨，注|一。", 3),
        ("白鹭县，茶叶：198 吨。", 4),
        ("说明。", 6),
    ]


@pytest.mark.parametrize("head", ["| | |\n|---|---|\n", "|---|---|\n", ""])
def test_a_markdown_table_without_a_head(head: str) -> None:
    rows = "| **清溪镇** | 137吨 |\n| 白鹭县 | 198吨 |\n"
    found = [(p.text, p.lines[0].number) for p in paragraphs("a.md", f"# 表\n\n{head}{rows}")]
    first = 3 + head.count("\n")
    assert found == [("表", 1), ("清溪镇 | 137吨。", first), ("白鹭县 | 198吨。", first + 1)]


@pytest.mark.parametrize(
    "lines", [("| 一行 | 而已 |",), ("甲 | 乙", "丙 | 丁"), ("| 甲 | 乙 |", "| 丙 |"), ("| 甲 |", "| 乙 |")]
)
def test_what_has_pipes_and_is_no_table_stays(lines: tuple[str, ...]) -> None:
    (paragraph,) = paragraphs("a.md", "\n".join(lines))
    assert tuple(line.text for line in paragraph.lines) == lines


def test_a_rule_that_opens_a_text_is_no_front_matter() -> None:
    source = "---\n\n武汉市去年引进企业九百家。\n\n---\n\n其他。\n"
    assert [p.text for p in paragraphs("a.md", source)] == ["武汉市去年引进企业九百家。", "其他。"]
    outline = "---\n# 第一章\n\n- 甲公司完成投资十亿元\n\n---\n正文。\n"
    assert [p.text for p in paragraphs("a.md", outline)] == ["第一章", "甲公司完成投资十亿元", "正文。"]
    front = "---\n# 说明\ntitle: 年报\ndc:creator: x\ntags:\n  - a\n- b\n\n标题: x\n...\n正文。\n"
    assert [(p.text, p.lines[0].number) for p in paragraphs("a.md", front)] == [("正文。", 11)]


def test_markdown_code_html_and_front_matter() -> None:
    source = "---\ntitle: x\n---\n正文。\n\n```\ncode one\ncode two\n```\n\n<p>HTML 文字。</p>\n"
    found = [(p.text, p.lines[0].number) for p in paragraphs("a.md", source)]
    assert found == [("正文。", 4), ("code one", 7), ("code two", 8), ("HTML 文字。", 11)]


def test_a_form_feed_is_no_line() -> None:
    source = "第一页的话。\n\f第二页的话。\n"
    assert [(p.text, p.lines[0].number) for p in paragraphs("a.txt", source)] == [
        ("第一页的话。", 1),
        ("第二页的话。", 2),
    ]


def test_a_paragraph_goes_on_where_the_print_shows_it() -> None:
    """Whose lines end: first lines are indented, full ones reach the edge, a number moves to the next line whole."""
    lines = [
        (20, 300, "第一段的第一行在这里正好写满了而且一句话刚好结束。"),
        (0, 300, "第二句接着写在下一行一直写到这一行的尽头为止下面的数"),
        (0, 250, "已经放不下了因此挪到了下一行，总共是"),
        (0, 90, "1593.55亿元。"),
        (20, 300, "第二段另起一行写满这一整行然后换行继续写完最后这一句"),
        (0, 60, "，到此为止。"),
        (20, 300, "第三段也是这样开头写满一整行接着往下再写一行就结束了"),
        (0, 300, "第三段的第二行。"),
        (20, 120, "小标题其实是第四段"),
        (20, 300, "第五段在这里。"),
    ]
    pieces = [Piece(100 + a, 15 * n, 100 + b, 15 * n + 10, 10, text) for n, (a, b, text) in enumerate(lines)]
    found = [len(paragraph.lines) for paragraph in paragraphs_of([printed_lines(pieces)])]
    assert found == [4, 2, 2, 1, 1]


def test_printed_rows_of_a_table_end_as_sentences_do() -> None:
    cells = [["地区", "茶叶"], ["白鹭县", "198吨"], ["石桥乡", "未统计。"]]
    pieces = [
        Piece(100 + 200 * m, 15 * n, 150 + 200 * m, 15 * n + 10, 10, text)
        for n, row in enumerate(cells)
        for m, text in enumerate(row)
    ]
    assert [line.text for line in printed_lines(pieces)] == ["地区 | 茶叶。", "白鹭县 | 198吨。", "石桥乡 | 未统计。"]


def rows(name: str, source: str) -> list[str]:
    return [paragraph.text for paragraph in paragraphs(name, source)]


def test_a_row_reads_as_a_sentence_in_the_punctuation_of_its_script() -> None:
    assert rows("a.csv", "地区,茶叶,人口\n白鹭县,198吨,3万\n") == [
        "地区 | 茶叶 | 人口",
        "白鹭县，茶叶：198吨，人口：3万。",
    ]
    assert rows("a.csv", "town,tea\nHeron,198 t\n")[1] == "Heron, tea: 198 t."
    assert rows("a.json", '[{"town": "Heron", "tea": {"2031": "198 t"}}]') == ["Heron, tea.2031: 198 t."]


def test_a_first_cell_that_names_nothing_keeps_its_header() -> None:
    assert rows("a.csv", "编号,姓名\n17,张三\n")[1] == "编号：17，姓名：张三。"
    assert rows("a.json", '{"状态": "正常"}') == ["状态：正常。"]
    assert rows("a.csv", "说明,页\n这里说了一句话。,3\n")[1] == "说明：这里说了一句话。，页：3。"


def test_a_first_row_of_amounts_is_no_head() -> None:
    assert rows("a.csv", "白鹭县,茶叶,198吨\n石桥乡,茶叶,259吨\n") == [
        "白鹭县 | 茶叶 | 198吨。",
        "石桥乡 | 茶叶 | 259吨。",
    ]
    assert rows("a.csv", "Heron,$198\nStone,$259\n") == ["Heron | $198.", "Stone | $259."]
    assert rows("a.csv", "姓名,5公里,10公里\n张三,20分,45分\n")[1] == "张三，5公里：20分，10公里：45分。"


def test_rows_of_a_web_page_stay_whatever_their_punctuation() -> None:
    cells = "".join(f"<tr><td>town {n}</td><td>{n + 100} t</td></tr>" for n in range(9))
    prose = f"<p>{'This part was checked by the office in charge, item by item. ' * 3}</p>"
    table = f"<table><tr><th>Town</th><th>Tea</th></tr>{cells}</table>"
    page = f"<html><body><h1>Table</h1>{prose}{table}{prose}</body></html>"
    assert [text for text in rows("a.html", page) if "Tea: " in text] == [
        f"town {n}, Tea: {n + 100} t." for n in range(9)
    ]
    headless = page.replace("<tr><th>Town</th><th>Tea</th></tr>", "")
    assert [text for text in rows("a.html", headless) if "town" in text] == [
        f"town {n} | {n + 100} t." for n in range(9)
    ]


class TestBulletPoints:
    """Slides that were printed: lines of a point stand where its text begins, behind the bullet."""

    @staticmethod
    def texts(*lines: tuple[str, float, float]) -> list[str]:
        """Of lines of (text, sizes from the left edge, sizes short of the right one)."""
        page = [Printed(text, 40.0 * n, 20.0, inset=left, short=short) for n, (text, left, short) in enumerate(lines)]
        return [paragraph.text for paragraph in paragraphs_of([page])]

    def test_a_full_line_goes_on_in_the_one_that_hangs_below_it(self) -> None:
        assert self.texts(
            ("• 全年完成投资一百三十七亿元，其中工业投资占到四成以上，比上年", 0.0, 0.0),
            ("提高三个百分点，其余为民生", 0.9, 0.4),
            ("项目", 0.9, 20.0),
            ("• 新建公路六十公里", 0.0, 16.0),
        ) == [
            "• 全年完成投资一百三十七亿元，其中工业投资占到四成以上，比上年提高三个百分点，其余为民生项目",
            "• 新建公路六十公里",
        ]

    def test_a_line_that_would_have_fitted_above_stands_by_itself(self) -> None:
        assert self.texts(("• 新建公路六十公里", 0.0, 16.0), ("负责人：张三", 0.9, 18.0), ("• 绿化", 0.0, 20.0)) == [
            "• 新建公路六十公里",
            "负责人：张三",
            "• 绿化",
        ]

    def test_a_point_within_a_point_and_a_line_at_the_bullet_do_not_go_on(self) -> None:
        lines = ("• 全年完成投资一百三十七亿元", 0.0, 0.0), ("- 其中工业投资", 0.9, 0.0), ("以上为快报数", 0.0, 17.0)
        assert self.texts(*lines) == [text for text, _, _ in lines]
