"""The same forty facts in every format: each is found, and where it stands is told as that format counts."""

import io
import json
import os
import signal
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import opencc
import pytest

from rag.answering.cite import locator
from rag.documents import DocumentReader, Limits
from rag.documents.build import build
from rag.documents.readers import Source
from rag.errors import DocumentError, LimitError, NoFieldError, QASetFoundError, ReaderCrashedError
from rag.types import Document
from tests.documents.corpus import FACTS, FILLER, MAKERS, MENU, TITLE, Fact, Made, html, json_lines, letter, pdf, word


def read(name: str, data: bytes, **options) -> list[Document]:
    return list(build(Source(name, data, **options)).documents)


def place_of(fact: Fact, documents: list[Document]) -> str | None:
    """The locator of the first line that holds all of the fact."""
    simplified = opencc.OpenCC("t2s")
    for document in documents:
        offset = 0
        for line in document.text.split("\n"):
            if all(part in simplified.convert(line) for part in (fact.town, fact.item, fact.value)):
                at = offset + simplified.convert(line).index(fact.value)
                return locator(document, at, at + len(fact.value))
            offset += len(line) + 1
    return None


@pytest.mark.parametrize("kind", MAKERS)
def test_every_fact_is_found_where_it_stands(kind: str) -> None:
    made = MAKERS[kind]()
    documents = read(made.name, made.data)
    assert {fact: place_of(fact, documents) for fact in FACTS} == dict(made.places)
    assert {document.path for document in documents} >= {f"{made.name}/{made.member}" if made.member else made.name}
    assert all(len(document.id) == 16 for document in documents)


def test_navigation_running_heads_and_page_numbers_are_no_text() -> None:
    page = read(html().name, html().data)[0].text
    assert not [word for word in (*MENU, "版权所有", "var a") if word in page]
    for columns in (1, 2):
        printed = read("a.pdf", pdf(columns=columns).data)[0].text
        assert "内部资料" not in printed
        assert "—" not in printed


def test_titles_and_dates_are_those_that_the_format_names() -> None:
    (page,) = read("a.html", html().data)
    assert (page.title, page.date) == (TITLE, "2032-02-11")
    mail, attached = read("a.eml", letter().data)
    assert (mail.title, mail.date, attached.path) == (TITLE, "2032-02-11", "a.eml/附件.txt")
    articles = read("a.jsonl", json_lines().data)
    assert len(articles) == len(FACTS)
    assert (articles[0].title, articles[0].date) == (f"{FACTS[0].town}{FACTS[0].item}公布", "2032-02-11")
    (report,) = read("2031-12-01 报告.docx", word().data)
    assert (report.title, report.date) == (TITLE, "2031-12-01")
    assert [section.title for section in report.sections][:2] == ["清溪镇概况", "白鹭县概况"]


def test_the_fields_of_records_can_be_named() -> None:
    data = '{"a": {"b": "正文写在这里，说明了情况。"}, "c": "名称", "when": "2031-05-06T10:00:00Z"}\n'.encode() * 2
    fields = {"text": "a.b", "title": "c", "date": "when"}
    documents = read("a.jsonl", data, fields=fields)
    assert [(d.title, d.date, d.unit, d.places) for d in documents][1] == ("名称", "2031-05-06", "L", ((0, 2),))
    assert documents[0].sha256 != read("a.jsonl", data)[0].sha256
    assert "a.b：正文写在这里" in read("a.jsonl", data)[0].text
    with pytest.raises(NoFieldError, match="field nowhere"):
        read("a.jsonl", data, fields={"text": "nowhere"})


def test_other_fields_of_records_become_metadata(tmp_path: Path) -> None:
    fields = {"text": "body", "source": "press.name", "版": "page", "none": "nowhere"}
    record = {"body": "正文写在这里，说明了情况。", "press": {"name": " 新华\u3000社 "}, "page": 3, "nowhere": None}
    for data in (json.dumps(record), json.dumps([record], indent=1)):
        (document,) = read("a.jsonl" if "\n" not in data else "a.json", data.encode(), fields=fields)
        assert document.metadata == {"source": "新华 社", "版": "3"}
    assert read("a.jsonl", json.dumps({"text": "正文写在这里。"}).encode())[0].metadata == {}
    (tmp_path / "a.csv").write_text("body,page\n一号正文写在这里。,3\n二号正文写在这里。,4\n", "utf-8")
    with DocumentReader(Limits(), {"text": "body", "版": "page"}) as apart:
        rows = apart.read(tmp_path / "a.csv", "a.csv").documents
    assert [one.metadata for one in rows] == [{"版": "3"}, {"版": "4"}]


def test_a_set_of_questions_is_no_document(seeds: Path) -> None:
    for name in ("qa.jsonl", "conversations.jsonl"):
        with pytest.raises(QASetFoundError):
            read(name, (seeds / name).read_bytes())


def test_what_is_struck_out_is_no_text_and_what_was_put_in_is() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word().data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "word/document.xml":
                changes = "<w:p><w:r><w:t>价格</w:t></w:r><w:del><w:r><w:t>一元</w:t></w:r></w:del>"
                changes += "<w:ins><w:r><w:t>二元。</w:t></w:r></w:ins></w:p>"
                data = data.replace(b"<w:body>", b"<w:body>" + changes.encode())
            new.writestr(info, data)
    assert "价格二元。" in read("a.docx", out.getvalue())[0].text


def test_lines_of_a_print_that_became_paragraphs_are_joined(seeds: Path) -> None:
    print_ = next(file for file in seeds.glob("003_*.txt")).read_text("utf-8")
    (typed,) = read("a.docx", typed_into_word(print_.splitlines()))
    (text,) = read("a.txt", print_.encode())
    same = set(text.text.split("\n")) & set(typed.text.split("\n"))
    assert len(same) >= 0.95 * len(text.text.split("\n"))
    sentence = typed.text.index("35个工业行业大类中23个增长")
    assert locator(typed, sentence, sentence + 17) == "¶10-¶11"


@pytest.mark.parametrize(
    "lines",
    [
        ["关于促进工业平稳增长措施的通知", "关于支持企业技术改造的意见", "关于建设智能工厂办法的公告"] * 4,
        ["two cups of wholemeal flour from the mill", "a pinch of coarse sea salt from the shore"] * 4,
        [
            f"{town}完成投资一百二十亿元，比上年增长百分之五"
            for town in ["江岸", "江汉", "硚口", "汉阳", "武昌", "青山"]
        ],
        ["本周要闻", "人工智", "能企业", "增长快"] * 4,
    ],
)
def test_paragraphs_of_their_own_stay_apart(lines: list[str]) -> None:
    (document,) = read("a.docx", typed_into_word(lines))
    assert document.text.split("\n") == lines


def typed_into_word(lines: Iterable[str]) -> bytes:
    """A paragraph for each line."""
    import docx

    document = docx.Document()
    for line in lines:
        document.add_paragraph(line)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def test_what_stands_in_content_controls_is_text() -> None:
    """Word puts them around paragraphs, tables, rows and cells of forms and title pages."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word().data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "word/document.xml":
                for name in (b"tbl", b"tr", b"tc"):
                    data = data.replace(b"<w:%s>" % name, b"<w:sdt><w:sdtPr/><w:sdtContent><w:%s>" % name)
                    data = data.replace(b"</w:%s>" % name, b"</w:%s></w:sdtContent></w:sdt>" % name)
                first = "<w:sdt><w:sdtContent><w:p><w:r><w:t>合同</w:t></w:r></w:p></w:sdtContent></w:sdt>"
                data = data.replace(b"<w:body>", b"<w:body>" + first.encode())
            new.writestr(info, data)
    (plain,), (form,) = read("a.docx", word().data), read("a.docx", out.getvalue())
    lines = form.text.split("\n")
    lines.remove("合同")
    assert lines == plain.text.split("\n")


def test_a_table_of_contents_and_what_waits_to_be_filled_in_are_no_text() -> None:
    contents = '<w:sdt><w:sdtPr><w:docPartObj><w:docPartGallery w:val="Table of Contents"/></w:docPartObj></w:sdtPr>'
    waiting = "<w:sdt><w:sdtPr><w:showingPlcHdr/></w:sdtPr>"
    inner = "<w:sdtContent><w:p><w:r><w:t>目录</w:t></w:r></w:p></w:sdtContent></w:sdt>"
    blank = "<w:sdtContent><w:r><w:t>单击此处</w:t></w:r></w:sdtContent></w:sdt>"
    within = f"<w:p><w:r><w:t>姓名：</w:t></w:r>{waiting}{blank}</w:p>"
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(word().data)) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == "word/document.xml":
                data = data.replace(b"<w:body>", f"<w:body>{contents}{inner}{waiting}{inner}{within}".encode())
            new.writestr(info, data)
    (plain,), (form,) = read("a.docx", word().data), read("a.docx", out.getvalue())
    lines = form.text.split("\n")
    lines.remove("姓名：")
    assert lines == plain.text.split("\n")


def test_figures_are_told_as_excel_shows_them() -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active.title = "表"
    book.active.append(["项目", "2030", "2031"])
    book.active.append(["增速", 0.125, 1234567.5])
    book.active["B2"].number_format, book.active["C2"].number_format = "0.0%", "#,##0.00"
    out = io.BytesIO()
    book.save(out)
    (sheet,) = read("a.xlsx", out.getvalue())
    assert sheet.text.split("\n") == ["项目 | 2030 | 2031", "增速，2030：12.5%，2031：1,234,567.50。"]


@pytest.mark.parametrize(
    ("value", "form", "shown"),
    [
        (3.5, '0.0"万元"', "3.5万元"),
        (1234567.5, "[$¥-804]#,##0.00", "¥1,234,567.50"),
        (1234567890, '#,##0.0,,"百万"', "1,234.6百万"),
        (-3.5, "#,##0.0_);(#,##0.0)", "(3.5)"),
        (-3.5, "0.0;[Red]-0.0", "-3.5"),
        (0, '_ * #,##0.00_ ;_ * -#,##0.00_ ;_ * "-"??_ ;_ @_ ', "-"),
        (7, "000", "007"),
        (2.5, "0", "3"),
        (1.005, "0.00", "1.01"),
        (3, "0.##", "3"),
        (5, 'General"元"', "5元"),
        (-1234.5, "#,##0.00;[Red]#,##0.00", "-1,234.50"),
        (-5, '"¥"#,##0.00', "-¥5.00"),
        (500, '[>=1000]0.0,"K";0', "500"),
        (0, '0;;"无"', "无"),
        (7, "0,000", "0,007"),
        (0.5, "# ?/?", "0.5"),
        (1e300, "0." + "0" * 120, "1e+300"),
        (1e20, "0.00E+00", "1e+20"),
    ],
)
def test_a_number_has_what_its_format_writes_around_it(value: float, form: str, shown: str) -> None:
    import openpyxl

    book = openpyxl.Workbook()
    book.active["A1"], book.active["B1"] = "投资", value
    book.active["B1"].number_format = form
    out = io.BytesIO()
    book.save(out)
    (sheet,) = read("a.xlsx", out.getvalue())
    assert sheet.text == f"投资 | {shown}。"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5"])
@pytest.mark.parametrize("end", ["\n", "，"])
@pytest.mark.parametrize("shift", ["", "a"])
def test_a_large_text_may_be_cut_within_a_character_where_it_is_looked_at(encoding: str, end: str, shift: str) -> None:
    line = "武漢市上半年工業增加值比去年同期增長百分之五點一，上市公司九十家"
    text = shift + (line + end) * 1500
    (document,) = read("a.txt", text.encode(encoding))
    assert line in document.text


@pytest.mark.parametrize("said", ["iso-8859-1", "ISO_8859-1", "latin1", "windows-1252"])
def test_latin_1_means_what_browsers_take_it_for(said: str) -> None:
    text = "It\u2019s \u20ac10 \u2013 the \u201cprice\u201d of the day, as the board said on Monday."
    page = f'<html><head><meta charset="{said}"></head><body><p>{text}</p></body></html>'
    note = f"Subject: Price\nFrom: a@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset={said}\n"
    letter_ = f"{note}Content-Transfer-Encoding: 8bit\n\n{text}\n"
    for name, data in (("a.html", page), ("a.eml", letter_)):
        (document,) = read(name, data.encode("cp1252"))
        assert text in document.text


def test_half_a_character_in_json_is_left_out() -> None:
    (row,) = read("b.json", b'{"\\ud83d\xe7\x94\xb2": 1}')
    assert row.text == "甲：1。"
    cut = '[{"text": "\\ud83d第一句。", "title": "a\\udc00b"}]'
    (document,) = read("a.json", cut.encode())
    assert (document.text, document.title) == ("第一句。", "ab")
    document.text.encode()


@pytest.mark.parametrize("encoding", ["big5", "shift_jis", "euc_jp", "euc_kr", "cp1251", "koi8_r", "cp1252"])
def test_encodings_without_a_mark_are_told_apart(encoding: str) -> None:
    texts = {
        "big5": "這份報告說明了去年的情況，圖書館的藏書達到一百萬冊。",
        "shift_jis": "東京都は、新しい地下鉄の路線を来年の春に開業すると発表した。",
        "euc_jp": "総工費は約三千億円で、カタカナも使われています。",
        "euc_kr": "서울시는 내년 봄에 새로운 지하철 노선을 개통한다고 발표했다.",
        "cp1251": "Летом прошлого года общество представило подробный отчёт.",
        "koi8_r": "Летом прошлого года общество представило подробный отчет.",
        "cp1252": "L'été dernier, la société a présenté son rapport à l'Élysée.",
    }
    assert read("a.txt", texts[encoding].encode(encoding))[0].text == texts[encoding]


# --- the worker --------------------------------------------------------------------------------------------------


@pytest.fixture
def reader() -> Iterator[DocumentReader]:
    with DocumentReader(Limits()) as reader:
        yield reader


def put(folder: Path, made: Made) -> Path:
    file = folder / made.name
    file.write_bytes(made.data)
    return file


def test_a_worker_reads_as_this_process_does(tmp_path: Path, reader: DocumentReader) -> None:
    for made in (word(), pdf(), MAKERS["zip"](), MAKERS["Excel"]()):
        here = build(Source(made.name, made.data))
        apart = reader.read(put(tmp_path, made), made.name)
        assert apart.documents == here.documents
        assert [e.message("zh") for e in apart.failed] == [e.message("zh") for e in here.failed]


def test_text_needs_no_worker(tmp_path: Path, reader: DocumentReader) -> None:
    for made in (MAKERS["text, GB18030"](), MAKERS["Markdown"]()):
        reader.read(put(tmp_path, made), made.name)
    assert reader._worker is None


def test_a_worker_that_dies_costs_one_file(tmp_path: Path, reader: DocumentReader) -> None:
    file = put(tmp_path, word())
    reader.read(file, "a.docx")
    assert reader._worker is not None
    os.kill(reader._worker.pid, signal.SIGSEGV)
    reader._worker.wait()
    with pytest.raises(ReaderCrashedError, match=r"b\.docx"):
        reader.read(file, "b.docx")
    assert reader.read(file, "a.docx").documents


def test_a_file_that_takes_too_long_is_left(tmp_path: Path) -> None:
    made = Made("a.json", ("[" + '{"名": "' + FILLER + '"},' * 1 + '{"a": [' + "0," * 4_000_000 + "0]}]").encode(), {})
    with DocumentReader(Limits(seconds=1)) as hurried, pytest.raises(LimitError, match=r"a\.json: takes more seconds"):
        hurried.read(put(tmp_path, made), "a.json")


def test_a_file_that_takes_too_much_memory_is_left(tmp_path: Path) -> None:
    made = Made("a.json", b"[" + b'{"a":1},' * 2_000_000 + b"0]", {})
    with DocumentReader(Limits(memory_megabytes=450)) as small:
        with pytest.raises(LimitError, match=r"a\.json: takes more memory"):
            small.read(put(tmp_path, made), "a.json")
        assert small.read(put(tmp_path, word()), "a.docx").documents


@pytest.mark.parametrize(
    ("limits", "what"),
    [
        ({"pages": 3}, "pages"),
        ({"characters": 100}, "characters"),
    ],
)
def test_limits_are_named(limits: dict[str, int], what: str) -> None:
    with pytest.raises(DocumentError, match=f"takes more {what} than one file may"):
        read("a.pdf", pdf().data, limits=Limits(**limits))
