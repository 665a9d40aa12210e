"""The same forty facts in every format, made here from nothing, and where each of them stands in each file."""

import csv
import email.message
import io
import json
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import opencc

if TYPE_CHECKING:
    from PIL import Image

TOWNS = ("清溪镇", "白鹭县", "石桥乡", "云岭市", "南浦区", "金沙镇", "柳湾村", "东屏县")
ITEMS = (("茶叶产量", "吨"), ("游客人数", "万人次"), ("新建公路", "公里"), ("图书馆藏书", "万册"), ("在校学生", "名"))
TITLE = "江左地区二〇三一年统计概览"
FILLER = (
    "这一部分由当地统计部门逐项核对，口径与上一年保持一致，个别项目因行政区划调整作了说明，"
    "读者在引用时应当注意数据的来源和时间，不宜与其他地区直接相比。"
)
SCANNED = 2  # towns: reading a scan takes a while
MENU = ("首页", "新闻中心", "政务公开", "办事指南", "联系我们", "网站地图")


@dataclass(frozen=True)
class Fact:
    town: str
    item: str
    value: str

    @property
    def sentence(self) -> str:
        return f"{self.town}的{self.item}在二〇三一年达到{self.value}。"

    @property
    def question(self) -> str:
        return f"{self.town}的{self.item}在二〇三一年达到多少？"


FACTS = tuple(
    Fact(town, item, f"{137 + 61 * t + 17 * i}{unit}")
    for t, town in enumerate(TOWNS)
    for i, (item, unit) in enumerate(ITEMS)
)
SECTIONS = tuple((town, tuple(fact for fact in FACTS if fact.town == town)) for town in TOWNS)


@dataclass(frozen=True)
class Made:
    """A file: its name, its bytes, and the locator of each fact in it, or in its `member`; also that in other members
    which repeat the facts."""

    name: str
    data: bytes
    places: Mapping[Fact, str]
    member: str = ""
    repeated: Mapping[str, Mapping[Fact, str]] = field(default_factory=dict)


def lines() -> list[str]:
    """The text, a paragraph a line: title, then for each town a heading, and its facts with something between."""
    found = [TITLE]
    for town, facts in SECTIONS:
        found.append(f"{town}概况")
        for fact in facts:
            found.append(fact.sentence + FILLER)
    return found


def _by_line(found: list[str], form: str = "L{}", step: int = 1) -> dict[Fact, str]:
    return {
        fact: form.format((n - 1) * step + 1)
        for n, line in enumerate(found, 1)
        for fact in FACTS
        if fact.sentence in line
    }


def text(encoding: str, name: str) -> Made:
    found = lines()
    data = "\n\n".join(found).encode(encoding)
    return Made(name, data, _by_line(found, step=2))


def traditional() -> Made:
    """Big5 can write no simplified characters."""
    found = lines()
    turned = opencc.OpenCC("s2t").convert("\n\n".join(found)).replace("〇", "零")
    return Made("big5.txt", turned.encode("big5"), _by_line(found, step=2))


def markdown() -> Made:
    found = [TITLE, *lines()[1:]]
    marked = [
        f"# {line}" if n == 0 else f"## {line}" if line.endswith("概况") else line for n, line in enumerate(found)
    ]
    return Made("a.md", "\n\n".join(marked).encode(), _by_line(found, step=2))


def markdown_table(headed: bool = True) -> Made:
    rows = [f"# {TITLE}", "", FILLER, ""]
    rows += ["| 地区 | 项目 | 二〇三一年 |", "|---|---|--:|"] if headed else []
    first = len(rows) + 1
    rows += [f"| {fact.town} | {fact.item} | {fact.value} |" for fact in FACTS]
    data = "\n".join([*rows, "", FILLER]).encode()
    return Made("table.md", data, {fact: f"L{n}" for n, fact in enumerate(FACTS, first)})


def html() -> Made:
    menu = "".join(f"<li><a href='/{n}'>{word}</a></li>\n" for n, word in enumerate(MENU))
    rows = [
        "<!DOCTYPE html>",
        f'<html><head><meta charset="gb2312"><title>{TITLE}_统计网</title>',
        '<meta name="pubdate" content="2032-02-11 09:30"><style>p{color:red}</style></head><body>',
        f"<nav><ul>{menu}</ul></nav><div class='sidebar'><ul>{menu}</ul></div><article>",
        f"<h1>{TITLE}</h1>",
    ]
    for town, facts in SECTIONS:
        rows.append(f"<h2>{town}概况</h2>")
        rows.extend(f"<p>{fact.sentence}{FILLER}</p>" for fact in facts)
    rows.append("</article><footer><p>版权所有 统计网</p></footer><script>var a='清溪镇';</script></body></html>")
    source = "\n".join(rows)
    return Made("a.html", source.encode("gb18030"), _by_line(source.split("\n")))


def html_table(headed: bool = True) -> Made:
    rows = ["<html><body><h1>统计表</h1>", f"<p>{FILLER}</p>", "<table>"]
    rows += ["<tr><th>地区</th><th>项目</th><th>二〇三一年</th></tr>"] if headed else []
    first = len(rows) + 1
    rows += [f"<tr><td>{f.town}</td><td>{f.item}</td><td>{f.value}</td></tr>" for f in FACTS]
    rows += ["</table>", f"<p>{FILLER}</p></body></html>"]
    places = {fact: f"L{n}" for n, fact in enumerate(FACTS, first)}
    return Made("table.htm", "\n".join(rows).encode(), places)


def table(name: str = "a.csv", separator: str = ",", encoding: str = "gb18030") -> Made:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerow(["地区", "项目", "二〇三一年", "备注"])
    for fact in FACTS:
        writer.writerow([fact.town, fact.item, fact.value, '含"在建"，\n不含计划'])
    return Made(name, out.getvalue().encode(encoding), {fact: f"R{n + 2}" for n, fact in enumerate(FACTS)})


def json_list() -> Made:
    records = [{"地区": fact.town, "项目": fact.item, "数据": {"二〇三一年": fact.value}} for fact in FACTS]
    data = json.dumps(records, ensure_ascii=False, indent=1).encode()
    return Made("a.json", data, {fact: f"R{n + 1}" for n, fact in enumerate(FACTS)})


def json_lines() -> Made:
    records = [
        {"标题": f"{fact.town}{fact.item}公布", "日期": "2032-02-11", "正文": fact.sentence + FILLER} for fact in FACTS
    ]
    data = "\n".join(json.dumps(record, ensure_ascii=False) for record in records).encode()
    return Made("a.jsonl", data, {fact: f"L{n + 1}" for n, fact in enumerate(FACTS)})


def letter() -> Made:
    message = email.message.EmailMessage()
    message["Subject"], message["From"], message["To"] = TITLE, "统计局 <a@example.org>", "b@example.org"
    message["Date"] = "Wed, 11 Feb 2032 09:30:00 +0800"
    found = lines()[1:]
    message.set_content("\n\n".join(found))
    message.add_alternative(f"<p>{FILLER}</p>", subtype="html")
    attached = text("utf-8", "附件.txt")
    message.add_attachment(attached.data, maintype="text", subtype="plain", filename=attached.name)
    places = {attached.name: attached.places}
    return Made("a.eml", message.as_bytes(), _by_line(found, step=2), repeated=places)


def word() -> Made:
    import docx

    document = docx.Document()
    document.add_heading(TITLE, 0)
    number, places = 1, {}
    for town, facts in SECTIONS[:4]:
        document.add_heading(f"{town}概况", 1)
        number += 1
        for fact in facts:
            document.add_paragraph(fact.sentence + FILLER)
            document.add_paragraph("")
            number += 1
            places[fact] = f"¶{number}"
    rows = [fact for _, facts in SECTIONS[4:] for fact in facts]
    grid = document.add_table(rows=1 + len(rows), cols=3)
    for cell, name in zip(grid.rows[0].cells, ("地区", "项目", "二〇三一年"), strict=True):
        cell.text = name
    number += 1
    for row, fact in zip(grid.rows[1:], rows, strict=True):
        for cell, value in zip(row.cells, (fact.town, fact.item, fact.value), strict=True):
            cell.text = value
        number += 1
        places[fact] = f"¶{number}"
    out = io.BytesIO()
    document.save(out)
    return Made("a.docx", out.getvalue(), places)


def slides() -> Made:
    import pptx
    from pptx.util import Cm

    deck = pptx.Presentation()
    places: dict[Fact, str] = {}
    first = deck.slides.add_slide(deck.slide_layouts[0])
    first.shapes.title.text = TITLE
    for number, (town, facts) in enumerate(SECTIONS, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"{town}概况"
        slide.placeholders[1].text_frame.text = "\n".join(fact.sentence for fact in facts[:3])
        slide.notes_slide.notes_text_frame.text = facts[3].sentence + FILLER
        grid = slide.shapes.add_table(2, 3, Cm(1), Cm(15), Cm(20), Cm(2)).table
        for column, (name, value) in enumerate(
            zip(("地区", "项目", "二〇三一年"), (facts[4].town, facts[4].item, facts[4].value), strict=True)
        ):
            grid.cell(0, column).text, grid.cell(1, column).text = name, value
        places |= dict.fromkeys(facts, f"slide{number}")
    out = io.BytesIO()
    deck.save(out)
    return Made("a.pptx", out.getvalue(), places)


def workbook() -> Made:
    import openpyxl

    book = openpyxl.Workbook()
    book.remove(book.active)
    places: dict[Fact, str] = {}
    for town, facts in SECTIONS:
        sheet = book.create_sheet(f"{town} (终)")
        sheet.append([f"{town}统计表"])
        sheet.append([])
        sheet.append(["地区", "项目", "二〇三一年", "增速"])
        for fact in facts:
            sheet.append([fact.town, fact.item, fact.value, 0.125])
            sheet.cell(sheet.max_row, 4).number_format = "0.0%"
            places[fact] = f"{town} (终)!R{sheet.max_row}"
    out = io.BytesIO()
    book.save(out)
    return Made("a.xlsx", out.getvalue(), places)


def book() -> Made:
    out = io.BytesIO()
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OPS/book.opf"/></rootfiles></container>'
    )
    items = "".join(
        f'<item id="c{n}" href="{n}.xhtml" media-type="application/xhtml+xml"/>' for n in range(1, len(TOWNS) + 1)
    )
    spine = "".join(f'<itemref idref="c{n}"/>' for n in range(1, len(TOWNS) + 1))
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        f"<dc:title>{TITLE}</dc:title><dc:date>2032-02-11</dc:date></metadata><manifest>{items}</manifest>"
        f"<spine>{spine}</spine></package>"
    )
    places: dict[Fact, str] = {}
    with zipfile.ZipFile(out, "w") as packed:
        packed.writestr("mimetype", "application/epub+zip")
        packed.writestr("META-INF/container.xml", container)
        packed.writestr("OPS/book.opf", package)
        for n, (town, facts) in enumerate(SECTIONS, 1):
            body = f"<h1>{town}概况</h1>" + "".join(f"<p>{fact.sentence}{FILLER}</p>" for fact in facts)
            packed.writestr(
                f"OPS/{n}.xhtml", f'<html xmlns="http://www.w3.org/1999/xhtml"><head/><body>{body}</body></html>'
            )
            places |= dict.fromkeys(facts, f"ch{n}")
    return Made("a.epub", out.getvalue(), places)


def pdf(name: str = "a.pdf", columns: int = 1, **options: object) -> Made:
    """A town a page, with a running head and a page number; in columns, where asked for."""
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import BaseDocTemplate, Frame, PageBreak, PageTemplate, Paragraph

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    width, height = A4
    body = ParagraphStyle(
        "body", fontName="STSong-Light", fontSize=10.5, leading=16, wordWrap="CJK", firstLineIndent=21
    )
    head = ParagraphStyle("head", fontName="STSong-Light", fontSize=16, leading=24, wordWrap="CJK")

    def furniture(canvas: Any, document: Any) -> None:
        canvas.setFont("STSong-Light", 9)
        canvas.drawString(56, height - 40, f"{TITLE} 内部资料 请勿外传")
        canvas.drawCentredString(width / 2, 30, f"— {document.page} —")

    wide = (width - 112 - 24 * (columns - 1)) / columns
    frames = [Frame(56 + n * (wide + 24), 56, wide, height - 130, 0, 0, 0, 0, id=str(n)) for n in range(columns)]
    out = io.BytesIO()
    document = BaseDocTemplate(out, pagesize=A4, title="Microsoft Word - 概览.doc", **options)
    document.addPageTemplates([PageTemplate("page", frames, onPage=furniture)])
    story = []
    for town, facts in SECTIONS:
        story.append(Paragraph(f"{town}概况", head))
        for fact in facts:
            story.append(Paragraph(fact.sentence + FILLER * (1 + columns), body))
        story.append(PageBreak())
    document.build(story)
    return Made(name, out.getvalue(), {fact: f"p{n}" for n, (_, facts) in enumerate(SECTIONS, 1) for fact in facts})


def pdf_table() -> Made:
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.cidfonts import UnicodeCIDFont
    from reportlab.platypus import PageBreak, SimpleDocTemplate, Table

    pdfmetrics.registerFont(UnicodeCIDFont("STSong-Light"))
    out = io.BytesIO()
    story: list[object] = []
    for _, facts in SECTIONS:
        rows = [["地区", "项目", "二〇三一年"], *([f.town, f.item, f.value] for f in facts)]
        story += [Table(rows, colWidths=120, style=[("FONT", (0, 0), (-1, -1), "STSong-Light", 11)]), PageBreak()]
    SimpleDocTemplate(out, pagesize=A4).build(story)
    return Made(
        "table.pdf", out.getvalue(), {fact: f"p{n}" for n, (_, facts) in enumerate(SECTIONS, 1) for fact in facts}
    )


def sheet(lines: Sequence[str], head: str, number: int, columns: int = 1, angle: float = 0.0) -> "Image.Image":
    """A printed sheet as a scanner sees it: dark grey on light grey, at an angle, with a running head and a number.

    serif.otf is Noto Serif CJK SC (Adobe, SIL Open Font License 1.1), cut down by fontTools' pyftsubset to the
    characters of this module.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.truetype(Path(__file__).with_name("serif.otf"), 20)
    picture = Image.new("L", (900, 640), 245)
    draw = ImageDraw.Draw(picture)
    draw.text((60, 20), f"{head} 内部资料 请勿外传", 40, font)
    draw.text((430, 600), f"— {number} —", 40, font)
    across = (39 - 3 * (columns - 1)) // columns  # characters
    each = -(-len(lines) // columns)
    for column in range(columns):
        column_lines = [piece for line in lines[column * each :][:each] for piece in _wrapped(line, across)]
        for n, piece in enumerate(column_lines):
            draw.text((60 + column * 20 * (across + 3), 70 + n * 32), piece, 40, font)
    return picture.rotate(angle, Image.Resampling.BICUBIC, fillcolor=245)


def _wrapped(line: str, across: int) -> list[str]:
    """As a typesetter breaks it: never within a number."""
    pieces = [""]
    for token in re.findall(r"\d+|\D", line):
        if len(pieces[-1]) + len(token) > across:
            pieces.append("")
        pieces[-1] += token
    return pieces


def scan(name: str = "scan.pdf", kind: str = "PDF", **options: Any) -> Made:
    """The facts of the first towns on a sheet each, in pictures alone."""
    sheets = [
        sheet([fact.sentence + FILLER[:30] for fact in facts], TITLE, n, **options)
        for n, (_, facts) in enumerate(SECTIONS[:SCANNED], 1)
    ]
    out = io.BytesIO()
    sheets[0].save(out, kind, **({"save_all": True, "append_images": sheets[1:]} if kind in ("PDF", "TIFF") else {}))
    shown = sheets if kind in ("PDF", "TIFF") else sheets[:1]
    return Made(name, out.getvalue(), {f: f"p{n}" for n in range(1, len(shown) + 1) for f in SECTIONS[n - 1][1]})


def archive() -> Made:
    inner = word()
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("部门/一季度/a.docx", inner.data)
        packed.writestr("__MACOSX/._a.docx", b"\0\1")
        packed.writestr("图.png", b"\x89PNG\r\n\x1a\n" + bytes(200))
    return Made("a.zip", out.getvalue(), inner.places, member="部门/一季度/a.docx")


MAKERS: dict[str, Callable[[], Made]] = {
    "text, UTF-8": lambda: text("utf-8", "utf8.txt"),
    "text, GB18030": lambda: text("gb18030", "gb.txt"),
    "text, UTF-16": lambda: text("utf-16", "utf16.txt"),
    "text, UTF-16 without mark": lambda: text("utf-16-le", "utf16le.txt"),
    "text, Big5": traditional,
    "Markdown": markdown,
    "Markdown table": markdown_table,
    "Markdown table without a head": lambda: markdown_table(headed=False),
    "HTML": html,
    "HTML table": html_table,
    "HTML table without a head": lambda: html_table(headed=False),
    "CSV": table,
    "TSV": lambda: table("a.tsv", "\t", "utf-8-sig"),
    "JSON": json_list,
    "JSON Lines": json_lines,
    "e-mail": letter,
    "Word": word,
    "PowerPoint": slides,
    "Excel": workbook,
    "EPUB": book,
    "PDF": pdf,
    "PDF, two columns": lambda: pdf("columns.pdf", 2),
    "PDF, table": pdf_table,
    "zip": archive,
}
