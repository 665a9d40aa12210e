"""What web pages, letters, archives and records say is read as it stands there, and nothing of it is lost."""

import io
import zipfile
from email import message_from_bytes
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart

import pytest

from rag.documents.readers import Part, Source, format_of, read_parts
from rag.errors import DamagedFileError, DocumentError, FormatUnknownError
from tests.documents.corpus import FILLER, slides, word
from tests.documents.hostile import OLE, changed, packed, pdf_of

PDF = pdf_of([b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 0/Kids[]>>"])


def texts(name: str, data: str | bytes) -> list[str]:
    parts = [part for _, part in read_parts(Source(name, data.encode() if isinstance(data, str) else data))]
    return [paragraph.text for part in parts if isinstance(part, Part) for paragraph in part.paragraphs]


def page(body: str) -> list[str]:
    return texts("a.html", f"<html><body>{body}</body></html>")


class TestTables:
    HEAD = "<th rowspan=2>地区</th><th colspan=2>2022年</th><th colspan=2>2023年</th>"
    BELOW = "<th>销量</th><th>收入</th><th>销量</th><th>收入</th>"
    BODY = "<tr><td>上海</td><td>1</td><td>2</td><td>3</td><td>4</td></tr>"
    READ = (
        "地区 | 2022年 销量 | 2022年 收入 | 2023年 销量 | 2023年 收入",
        "上海，2022年 销量：1，2022年 收入：2，2023年 销量：3，2023年 收入：4。",
    )

    @pytest.mark.parametrize("form", ["<tr>{}</tr><tr>{}</tr>", "<thead><tr>{}</tr><tr>{}</tr></thead>"])
    @pytest.mark.parametrize("tag", ["th", "td"])
    def test_figures_stand_under_both_rows_of_a_head(self, form: str, tag: str) -> None:
        head = form.format(self.HEAD, self.BELOW).replace("th>", f"{tag}>").replace("<th ", f"<{tag} ")
        assert page(f"<table>{head}{self.BODY}</table>") == list(self.READ)

    def test_a_title_above_a_head_stays_by_itself(self) -> None:
        title = "<tr><th colspan=5>各地情况</th></tr>"
        table = f"<table>{title}<tr>{self.HEAD}</tr><tr>{self.BELOW}</tr>{self.BODY}</table>"
        assert page(table) == ["各地情况", *self.READ]

    def test_a_cell_that_reaches_down_stands_in_each_row(self) -> None:
        rows = "<tr><td rowspan=2>上海</td><td>一季度</td><td>5</td></tr><tr><td>二季度</td><td>6</td></tr>"
        head = "<tr><th>地区</th><th>季度</th><th>销量</th></tr>"
        assert page(f"<table>{head}{rows}</table>")[1:] == [
            "上海，季度：一季度，销量：5。",
            "上海，季度：二季度，销量：6。",
        ]

    def test_a_cell_across_columns_leaves_the_next_under_its_own_head(self) -> None:
        head = "<tr><th>地区</th><th>销量</th><th>收入</th><th>备注</th></tr>"
        row = "<tr><td>上海</td><td colspan=2>停产</td><td>见注</td></tr>"
        assert page(f"<table>{head}{row}</table>")[1:] == ["上海，销量：停产，备注：见注。"]

    def test_a_head_over_two_columns_names_the_first_of_them(self) -> None:
        table = (
            "<table><tr><th>地区</th><th colspan=2>电话</th></tr><tr><td>上海</td><td>甲</td><td>乙</td></tr></table>"
        )
        assert page(table) == ["地区 | 电话", "上海，电话：甲，乙。"]

    @pytest.mark.parametrize("where", ["{table}{prose}", "{prose}{table}"])
    def test_rows_are_the_page_s_own_wherever_they_stand(self, where: str) -> None:
        menu, prose = "<nav><ul><li>首页</li></ul></nav>", f"<p>{FILLER}{FILLER}</p>"
        headless = "<table><tr><td rowspan=2>上海</td><td>5吨</td></tr><tr><td>6吨</td></tr></table>"
        table = f"<table><tr>{self.HEAD}</tr><tr>{self.BELOW}</tr>{self.BODY}</table>{headless}"
        found = page(f"{menu}<h1>统计</h1>{where.format(table=table, prose=prose)}<footer><p>版权所有</p></footer>")
        assert [text for text in found if text not in ("统计", FILLER * 2)] == [
            *self.READ,
            "上海 | 5吨。",
            "上海 | 6吨。",
        ]

    @pytest.mark.parametrize("span", ["999999999999", "0", "-3", "x", "²"])
    def test_absurd_spans_are_bounded(self, span: str) -> None:
        table = (
            f"<table><tr><th>地区</th><th>销量</th></tr><tr><td>上海</td><td rowspan={span} colspan={span}>5</td></tr>"
        )
        assert page(f"{table}<tr><td>北京</td><td>6</td></tr></table>")[1].startswith("上海，销量：5")


def test_what_is_raised_is_no_digit_of_the_number_before_it() -> None:
    assert page("<p>约10<sup>6</sup>个，误差10<sup>-3</sup>，见注<sup>[1]</sup>。<sup>2</sup></p>") == [
        "约10⁶个，误差10⁻³，见注[1]。2"
    ]
    table = "<table><tr><th>地区</th><th>人口</th></tr><tr><td>上海</td><td>1373<sup>1</sup>万</td></tr></table>"
    assert page(table)[1] == "上海，人口：1373¹万。"


def test_marks_within_a_cell_part_no_words() -> None:
    head = "<tr><th>地<b>区</b></th><th>面积</th></tr>"
    row = "<tr><td>上海<br>（市）</td><td>12<span>.5</span><p>公顷</p></td></tr>"
    assert page(f"<table>{head}{row}</table>") == ["地区 | 面积", "上海 （市），面积：12.5 公顷。"]


class TestBreaks:
    def test_entries_of_a_form_stay_apart(self) -> None:
        entries = ["地址：武汉市江岸区", "电话：027-1234", "邮编：430000"]
        assert page(f"<p>{'<br>'.join(entries)}</p>") == entries

    def test_two_breaks_part_paragraphs(self) -> None:
        assert page("<div>一家公司<br> &nbsp;<br/>另一家公司</div>") == ["一家公司", "另一家公司"]

    def test_a_sentence_that_ends_at_a_break_ends_a_paragraph_of_its_kind(self) -> None:
        assert page("<p>第一句。<br>第二句写到<br>这里。</p>") == ["第一句。", "第二句写到这里。"]
        data = b"<html><body><ul><li>One.<br>Two</li></ul></body></html>"
        (part,) = [part for _, part in read_parts(Source("a.html", data)) if isinstance(part, Part)]
        assert [(p.text, p.kind.value) for p in part.paragraphs] == [("One.", "item"), ("Two", "item")]

    def test_a_heading_and_printed_lines_stay_whole(self) -> None:
        assert page("<h1>通知。<br><br>关于会议</h1>") == ["通知。关于会议"]
        assert page("<pre>One.\n\nTwo</pre>") == ["One. Two"]


class TestArchives:
    def test_a_zip_that_holds_a_pdf_as_it_is_is_a_zip(self) -> None:
        members = {"a.pdf": PDF, "b.pdf": PDF, "c.txt": "里面的话在这里。".encode()}
        data = packed(members, zipfile.ZIP_STORED)
        assert b"%PDF-" in data[:1024]
        assert [path for path, _ in read_parts(Source("a.zip", data))] == ["a.zip/a.pdf", "a.zip/b.pdf", "a.zip/c.txt"]

    def test_a_damaged_file_costs_itself(self) -> None:
        data = packed({"a.txt": b"first one here", "b.txt": b"second", "c.txt": b"third"}, zipfile.ZIP_STORED)
        found = list(read_parts(Source("a.zip", data.replace(b"second", b"secund"))))
        assert [path for path, _ in found] == ["a.zip/a.txt", "a.zip/b.txt", "a.zip/c.txt"]
        assert [type(one) for _, one in found] == [Part, DamagedFileError, Part]
        assert isinstance(found[1][1], DocumentError)
        assert str(found[1][1]).startswith("a.zip/b.txt: ")


class TestKinds:
    @pytest.mark.parametrize("name", ["a.txt", "a.md"])
    def test_a_text_that_speaks_of_pdf_is_text(self, name: str) -> None:
        assert texts(name, "文件开头的 %PDF-1.7 表示版本。") == ["文件开头的 %PDF-1.7 表示版本。"]

    @pytest.mark.parametrize(
        "before", [b"", b"\r\n", b"\xef\xbb\xbf", b"\x1b%-12345X@PJL\r\n", bytes(128), b"\x80\xff\x81"]
    )
    def test_a_pdf_may_begin_after_junk(self, before: bytes) -> None:
        assert format_of(Source("a", before + PDF)).name == "PDF"
        assert format_of(Source("a.pdf", b"HTTP/1.1 200 OK\r\n\r\n" + PDF)).name == "PDF"

    @pytest.mark.parametrize("name", ["a.rtf", "a.doc", "a.txt"])
    def test_rtf_is_no_text(self, name: str) -> None:
        with pytest.raises(FormatUnknownError) as told:
            texts(name, "{\\rtf1\\ansi\\b text}")
        assert "an RTF file: save it as .docx" in told.value.message("en")
        assert "RTF 文件（请另存为 .docx）" in told.value.message("zh")

    def test_the_main_part_of_word_may_have_a_number(self) -> None:
        out = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(word().data)) as old, zipfile.ZipFile(out, "w") as new:
            for name in old.namelist():
                data = old.read(name).replace(b"word/document.xml", b"word/document2.xml")
                new.writestr(name.replace("word/document.xml", "word/document2.xml"), data)
        assert format_of(Source("a.docx", out.getvalue())).name == "Word"
        assert texts("a.docx", out.getvalue()) == texts("a.docx", word().data)

    @pytest.mark.parametrize(
        ("name", "usual", "unusual"),
        [
            ("a.docm", "openxmlformats-officedocument.wordprocessingml.document", "ms-word.document.macroEnabled"),
            ("a.ppsx", "presentationml.presentation", "presentationml.slideshow"),
        ],
    )
    def test_office_files_with_macros_or_shown_at_once(self, name: str, usual: str, unusual: str) -> None:
        data = (word() if name == "a.docm" else slides()).data
        types = zipfile.ZipFile(io.BytesIO(data)).read("[Content_Types].xml")
        new = types.replace(f"{usual}.main".encode(), f"{unusual}.main".encode())
        assert new != types
        assert texts(name, changed(data, "[Content_Types].xml", new)) == texts("a", data)

    @pytest.mark.parametrize("said", ["MacBook", "MacBook\0", "Workbook of"])
    def test_an_old_letter_about_workbooks_is_none(self, said: str) -> None:
        with pytest.raises(FormatUnknownError):
            format_of(Source("a.doc", OLE + bytes(600) + f"WordDocument: {said}".encode("utf-16-le") + bytes(600)))

    @pytest.mark.parametrize("before", [bytes(600), bytes(499) + b"\xff" * 5])
    @pytest.mark.parametrize("name", ["Book", "Workbook"])
    def test_an_old_workbook_is_told_by_its_directory(self, name: str, before: bytes) -> None:
        assert format_of(Source("a", OLE + before + name.encode("utf-16-le") + bytes(600))).name == "Excel"


def part(kind: str, text: str, *, file: str = "", inline: bool = False, cid: str = "") -> Message:
    made = Message()
    made["Content-Type"] = kind
    made.set_payload(text)
    if file:
        made.add_header("Content-Disposition", "inline" if inline else "attachment", filename=file)
    if cid:
        made["Content-ID"] = cid
    return made


def parts(kind: str, *within: Message) -> Message:
    return MIMEMultipart(kind, _subparts=within)


def letter(made: Message) -> bytes:
    made["From"], made["To"] = "a@b.org", "c@d.org"
    return made.as_bytes()


PLAIN, HTML = part("text/plain", "The text."), part("text/html", "<p>The text.</p>")
TABLE = part("text/csv", "town,tea\n", file="x.csv")


class TestLetters:
    @pytest.mark.parametrize(
        "made",
        [
            parts("alternative", PLAIN, parts("mixed", HTML, TABLE, part("text/html", "<p>More.</p>"))),
            parts("signed", parts("mixed", PLAIN, TABLE), part("application/pkcs7-signature", "xx", file="smime.p7s")),
            parts(
                "mixed",
                parts(
                    "related",
                    parts("alternative", PLAIN, HTML),
                    part("image/png", "xx", file="a.png", inline=True, cid="<1>"),
                ),
                TABLE,
            ),
        ],
        ids=["alternative", "signed", "related"],
    )
    def test_what_is_attached_is_found_wherever_it_hangs(self, made: Message) -> None:
        found = list(read_parts(Source("a.eml", letter(made))))
        assert [path for path, _ in found] == ["a.eml", "a.eml/x.csv"]
        assert isinstance(found[0][1], Part)
        assert [p.text for p in found[0][1].paragraphs][2:] == ["The text."]

    def test_no_text_of_several_is_lost_and_a_letter_within_is_one_file(self) -> None:
        footer = parts("alternative", part("text/plain", "A footer."), part("text/html", "<p>A footer.</p>"))
        picture = part("image/png", "xx", file="scan.png", cid="<1>")
        inner = letter(
            parts("mixed", PLAIN, MIMEMessage(message_from_bytes(letter(parts("mixed", TABLE)))), footer, picture)
        )
        paths = [path for path, _ in read_parts(Source("a.eml", inner))]
        assert paths == ["a.eml", "a.eml/1.eml", "a.eml/1.eml/x.csv", "a.eml/2", "a.eml/scan.png"]

    def test_a_letter_that_is_one_file_holds_it(self) -> None:
        assert texts("a.eml", letter(part("text/csv", "town,tea\n", file="x.csv")))[2:] == ["town | tea."]

    @pytest.mark.parametrize("meta", ["", "<meta charset='iso-8859-1'>"])
    def test_a_page_is_in_the_encoding_that_its_head_says(self, meta: str) -> None:
        head = b"From: a@b.org\nTo: c@d.org\nContent-Type: text/html; charset=iso-8859-2\n\n"
        data = head + f"<html><head>{meta}</head><body><p>Zażółć gęślą jaźń.</p></body></html>".encode("iso-8859-2")
        assert texts("a.eml", data)[2:] == ["Zażółć gęślą jaźń."]


class TestRecords:
    def test_records_within_what_a_server_answers(self) -> None:
        record = '{"title": "公报", "date": "2031-05-06", "content": "正文写在这里。"}'
        data = f'{{"code": 0, "msg": "成功", "data": {{"page": {{"size": 2}}, "list": [{record}, {record}]}}}}'
        found = [part for _, part in read_parts(Source("a.json", data.encode()))]
        assert [
            (part.title, part.date, part.unit, part.paragraphs[0].lines[0].number, part.paragraphs[0].text)
            for part in found
            if isinstance(part, Part)
        ] == [("公报", "2031-05-06", "R", n, "正文写在这里。") for n in (1, 2)]

    def test_rows_within_what_a_server_answers(self) -> None:
        data = (
            '{"success": true, "message": "操作成功", "data": [{"市": "上海", "销量": 1}, {"市": "北京", "销量": 2}]}'
        )
        assert texts("a.json", data) == ["上海，销量：1。", "北京，销量：2。"]

    @pytest.mark.parametrize(
        "data",
        [
            '{"姓名": "张三", "任职": [{"年": 2031}]}',
            '{"a": [{"市": "上海"}], "b": [{"市": "北京"}]}',
            '{"text": "正文写在这里。", "任职": [{"年": 2031}]}',
            '{"a": {"b": {"c": {"d": [{"市": "上海"}]}}}}',
        ],
    )
    def test_what_is_one_record_stays_one(self, data: str) -> None:
        assert len(texts("a.json", data)) == 1
