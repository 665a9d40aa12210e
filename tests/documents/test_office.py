"""Word, Excel and PowerPoint: what stands there and is easily lost, or read as something else."""

import io
import zipfile
from collections.abc import Callable

import pytest

from rag.answering.cite import locator
from rag.documents.build import build
from rag.documents.readers import Source
from rag.documents.readers.number_format import plain
from rag.documents.readers.part import raised
from rag.types import Document

SPACES = (
    'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main" '
    'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006" '
    'xmlns:v="urn:schemas-microsoft-com:vml" '
    'xmlns:wps="http://schemas.microsoft.com/office/word/2010/wordprocessingShape"'
)
BREAK = "<w:r><w:br/></w:r>"


def read(name: str, data: bytes) -> Document:
    (document,) = build(Source(name, data)).documents
    return document


def places(document: Document) -> list[tuple[str, str]]:
    """(locator, text) of each line."""
    found, at = [], 0
    for line in document.text.split("\n"):
        found.append((locator(document, at, at + len(line)), line))
        at += len(line) + 1
    return found


def rewritten(data: bytes, name: str, change: Callable[[str], str]) -> bytes:
    """An Office file, one of its members changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            text = old.read(info)
            new.writestr(info, change(text.decode()).encode() if info.filename == name else text)
    return out.getvalue()


# --- Word --------------------------------------------------------------------------------------------------------


def word(body: str, **notes: str) -> bytes:
    """A document of this XML, and of these `footnotes` and `endnotes`."""
    import docx
    from docx.opc.packuri import PackURI
    from docx.opc.part import Part

    document = docx.Document()
    for kind, xml in notes.items():
        blob = f"<w:{kind} {SPACES}>{xml}</w:{kind}>".encode()
        content = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}+xml"
        part = Part(PackURI(f"/word/{kind}.xml"), content, blob, document.part.package)
        relation = f"http://schemas.openxmlformats.org/officeDocument/2006/relationships/{kind}"
        document.part.relate_to(part, relation)
    out = io.BytesIO()
    document.save(out)
    whole = f"<w:document {SPACES}><w:body>{body}</w:body></w:document>"
    return rewritten(out.getvalue(), "word/document.xml", lambda _: whole)


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


def paragraph(*runs: str) -> str:
    return f"<w:p>{''.join(one if one.startswith('<') else run(one) for one in runs)}</w:p>"


def table(*rows: list[str]) -> str:
    """Each cell its XML; "↑" is merged with the one above, "↓" begins one that is."""

    def cell(inner: str) -> str:
        merge = {"↑": "<w:vMerge/>", "↓": '<w:vMerge w:val="restart"/>'}.get(inner[:1], "")
        inner = inner.strip("↑↓")
        return f"<w:tc><w:tcPr>{merge}</w:tcPr>{inner if inner.startswith('<') else paragraph(inner)}</w:tc>"

    return "<w:tbl>" + "".join(f"<w:tr>{''.join(map(cell, row))}</w:tr>" for row in rows) + "</w:tbl>"


def box(*inner: str) -> str:
    """A text box, as Word writes it: once for itself, once for older versions."""
    held = f"<w:txbxContent>{''.join(inner)}</w:txbxContent>"
    return (
        f"<w:r><mc:AlternateContent><mc:Choice Requires='wps'><w:drawing><wps:txbx>{held}</wps:txbx></w:drawing>"
        f"</mc:Choice><mc:Fallback><w:pict><v:textbox>{held}</v:textbox></w:pict></mc:Fallback>"
        "</mc:AlternateContent></w:r>"
    )


def note(kind: str, number: int, text: str, type_: str = "") -> str:
    said = f' w:type="{type_}"' if type_ else ""
    return f'<w:{kind} w:id="{number}"{said}>{paragraph(f"<w:r><w:{kind}Ref/></w:r>", text)}</w:{kind}>'


def refers(kind: str, number: int) -> str:
    return f'<w:r><w:{kind}Reference w:id="{number}"/></w:r>'


def test_a_cell_merged_over_rows_stands_in_each_of_them() -> None:
    rows = [
        ["年份", "季度", "产值"],
        ["↓2022年", "一季度", "10亿元"],
        ["↑", "二季度", "11亿元"],
        ["↑", paragraph() + paragraph(), ""],
        ["2023年", "二季度", "12亿元"],
    ]
    assert places(read("a.docx", word(table(*rows) + paragraph("完。")))) == [
        ("¶1", "年份 | 季度 | 产值"),
        ("¶2", "2022年，季度：一季度，产值：10亿元。"),
        ("¶3", "2022年，季度：二季度，产值：11亿元。"),
        ("¶4", "2023年，季度：二季度，产值：12亿元。"),
        ("¶5", "完。"),
    ]


def test_a_long_text_beside_several_rows_is_said_once() -> None:
    long = "说明" * 60
    text = read("a.docx", word(table(["项目", "备注"], ["甲", f"↓{long}"], ["乙", "↑"], ["丙", "↑"]))).text
    assert text.count(long) == 1


def test_a_text_box_follows_its_paragraph() -> None:
    boxes = box(paragraph("框中的话。"), paragraph("另一段", box(paragraph("内框。"))), table(["甲", "乙"]))
    body = paragraph("正文在此。", boxes) + paragraph(box(paragraph("空段的框。"))) + paragraph("下一段。")
    assert places(read("a.docx", word(body))) == [
        ("¶1", "正文在此。"),
        ("¶1", "框中的话。"),
        ("¶1", "另一段"),
        ("¶1", "内框。"),
        ("¶1", "甲 | 乙。"),
        ("¶2", "空段的框。"),
        ("¶3", "下一段。"),
    ]


def test_a_text_box_is_no_part_of_its_cell() -> None:
    body = table(["项目", "金额"], ["投资", paragraph("100", box(paragraph("框中的话。")))], ["收入", "200"])
    assert places(read("a.docx", word(body))) == [
        ("¶1", "项目 | 金额"),
        ("¶2", "投资，金额：100。"),
        ("¶3", "收入，金额：200。"),
        ("¶2", "框中的话。"),
    ]


def test_notes_follow_the_paragraph_that_refers_to_them() -> None:
    line = note("footnote", 0, "——", "separator")
    footnotes = line + note("footnote", 2, "注一。") + note("footnote", 3, "注二。") + note("footnote", 4, "无人问。")
    body = paragraph("甲在此。", refers("footnote", 2), refers("endnote", 2), refers("footnote", 0))
    body += table(["项目", "金额"], ["投资", paragraph("100", refers("footnote", 3))])
    body += paragraph("乙在此。", refers("footnote", 2))
    data = word(body, footnotes=footnotes, endnotes=note("endnote", 2, "尾注。"))
    assert places(read("a.docx", data)) == [
        ("¶1", "甲在此。"),
        ("¶1", "注一。"),
        ("¶1", "尾注。"),
        ("¶2", "项目 | 金额"),
        ("¶3", "投资，金额：100。"),
        ("¶3", "注二。"),
        ("¶4", "乙在此。"),
    ]


def test_figures_above_the_line_are_none_of_the_number_before_them() -> None:
    high = '<w:vertAlign w:val="superscript"/>'
    body = paragraph("约3×10", run("8", high), "米，即1373", run("1", high), "万，1", run("st", high), "名。")
    body += table(["项目", "面积"], ["院子", paragraph("10", run("-3", high), "亩")])
    assert read("a.docx", word(body)).text.split("\n") == [
        "约3×10⁸米，即1373¹万，1st名。",
        "项目 | 面积",
        "院子，面积：10⁻³亩。",
    ]
    assert raised("10") == "¹⁰"
    assert raised("[1]") == "[1]"


@pytest.mark.parametrize(
    ("lines", "read_as"),
    [
        (["甲方：武汉公司", "乙方：上海公司", "金额：100万元"], ["甲方：武汉公司", "乙方：上海公司", "金额：100万元"]),
        (["第一句话。", "第二句话", "接着说。"], ["第一句话。", "第二句话接着说。"]),
        (["地址：", "武汉市"], ["地址：武汉市"]),
        (["会议于10:30", "开始至11:30", "结束。"], ["会议于10:30开始至11:30结束。"]),
        (["See http://a.example", "and http://b.example"], ["See http://a.example and http://b.example"]),
        (["武汉市人民", "政府"], ["武汉市人民政府"]),
    ],
)
def test_a_typed_line_break_parts_what_does_not_read_on(lines: list[str], read_as: list[str]) -> None:
    body = f"<w:p>{BREAK.join(map(run, lines))}</w:p>" + paragraph("末段。")
    expected = [*(("¶1", line) for line in read_as), ("¶2", "末段。")]
    assert places(read("a.docx", word(body))) == expected


# --- Excel -------------------------------------------------------------------------------------------------------


def workbook(rows: list[list[object]], merged: tuple[str, ...] = (), form: str = "General") -> bytes:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "表"
    for row in rows:
        book.active.append(row)
    book.active.cell(2, 2).number_format = form
    for one in merged:
        book.active.merge_cells(one)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (8613812345678.0, "8613812345678"),
        (6901234567892.0, "6901234567892"),
        (12345678901.25, "12345678901.25"),
        (1e13, "10000000000000"),
        (6222021234567890.0, "6222021234567890"),
        (0.1 + 0.2, "0.3"),
        (35.199999999999996, "35.2"),
        (100.1 - 100, "0.1"),
        (8613812345.1 + 0.2, "8613812345.3"),
        (1 / 3, "0.333333333333"),
        (-2.0, "-2"),
        (1e20, "1e+20"),
        (float("inf"), "inf"),
        (10**20, "1" + "0" * 20),
    ],
)
def test_a_number_without_a_format_keeps_its_digits(value: float, shown: str) -> None:
    assert plain(value) == shown


@pytest.mark.parametrize("number", [27, 31, 36, 50, 58])
def test_a_date_in_a_format_of_chinese_excel_is_a_date(number: int) -> None:
    data = workbook([["项目", "日期"], ["开工", 45292]], form="yyyy/m/d")

    def built_in(styles: str) -> str:
        assert styles.count('numFmtId="164"') == 2
        styles = styles.replace('<numFmt numFmtId="164" formatCode="yyyy/m/d" />', "")
        styles = styles.replace('<numFmt numFmtId="164" formatCode="yyyy/m/d"/>', "")
        return styles.replace('numFmtId="164"', f'numFmtId="{number}"')

    assert "开工，日期：2024-01-01。" in read("a.xlsx", rewritten(data, "xl/styles.xml", built_in)).text


def test_a_cell_of_excel_merged_over_rows_stands_in_each_of_them() -> None:
    rows = [
        ["年份", "季度", "产值", "来源"],
        ["2022年", "一季度", 10, "年鉴"],
        [None, "二季度", 11],
        [],
        ["2023年", "二季度", 12, "公报"],
    ]
    data = workbook(rows, ("A2:A4", "D2:D3"))
    assert places(read("a.xlsx", data)) == [
        ("表!R1", "年份 | 季度 | 产值 | 来源"),
        ("表!R2", "2022年，季度：一季度，产值：10，来源：年鉴。"),
        ("表!R3", "2022年，季度：二季度，产值：11，来源：年鉴。"),
        ("表!R5", "2023年，季度：二季度，产值：12，来源：公报。"),
    ]


@pytest.mark.parametrize("merged", ["A2:B4", "A2:A1048576"])
def test_what_is_merged_into_a_block_or_without_end_stands_once(merged: str) -> None:
    data = workbook([["项目", "金额", "年份"], ["甲", 10, "2022"], [None, None, "2023"], [None, None, "2024"]])
    data = rewritten(
        data,
        "xl/worksheets/sheet1.xml",
        lambda sheet: sheet.replace(
            "</sheetData>", f'</sheetData><mergeCells><mergeCell ref="{merged}"/></mergeCells>'
        ),
    )
    assert read("a.xlsx", data).text.count("甲") == 1


# --- PowerPoint --------------------------------------------------------------------------------------------------


def test_figures_above_the_line_of_a_slide() -> None:
    import pptx
    from pptx.util import Cm

    deck = pptx.Presentation()
    slide = deck.slides.add_slide(deck.slide_layouts[6])
    frame = slide.shapes.add_textbox(Cm(1), Cm(1), Cm(9), Cm(2)).text_frame
    grid = slide.shapes.add_table(2, 2, Cm(1), Cm(5), Cm(20), Cm(2)).table
    for cell, text in zip(grid.iter_cells(), ("项目", "面积", "院子", ""), strict=True):
        cell.text = text
    for one in (frame, grid.cell(1, 1).text_frame):
        for text, baseline in (("3×10", 0), ("8", 30000), ("米", 0), ("2", -25000)):
            added = one.paragraphs[0].add_run()
            added.text = text
            added.font._element.set("baseline", str(baseline))
    frame.paragraphs[0].add_line_break()
    frame.paragraphs[0].add_run().text = "下一行"
    out = io.BytesIO()
    deck.save(out)
    assert read("a.pptx", out.getvalue()).text.split("\n") == [
        "3×10⁸米2",
        "下一行",
        "项目 | 面积",
        "院子，面积：3×10⁸米2。",
    ]
