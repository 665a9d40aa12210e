"""A file that has an article a line, and files that only look like one."""

from pathlib import Path

import pytest

from rag.answering.cite import locator
from rag.documents import read_documents, split_document
from rag.types import Document

LONG = "这一天的新闻说明了有关的情况和背景，文字相当长，足以成为一篇文章。" * 4


def read(tmp_path: Path, text: str, name: str = "news.txt") -> list[Document]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_documents(tmp_path / name, name, 1)


def told(n: int) -> str:
    return f"第{n}篇。{LONG}"


@pytest.mark.parametrize(
    ("heads", "dates"),
    [
        (
            ["2023-07-25 15:14，正文：", "[ 2023-07-28 16：40 ] ，正文：", "2023年7月9日，正文："],
            ["2023-07-25", "2023-07-28", "2023-07-09"],
        ),
        (
            ["2023-07-25，正文：", "，正文：", "来源：新华网  |  2023年07月29日 08:00:00，正文："],
            ["2023-07-25", None, "2023-07-29"],
        ),
        (["2024-01-25 Text: ", "2024-01-26 Text: ", "2024-02-01 Text: "], ["2024-01-25", "2024-01-26", "2024-02-01"]),
    ],
)
def test_fields_before_a_label_that_repeats_open_an_article_each(
    tmp_path: Path, heads: list[str], dates: list[str | None]
) -> None:
    found = read(tmp_path, "\n\n".join(f"{head}{told(n)}" for n, head in enumerate(heads)) + "\n")
    assert [document.date for document in found] == dates
    assert [document.text for document in found] == [told(n) for n in range(3)]
    assert [document.places for document in found] == [((0, 1),), ((0, 3),), ((0, 5),)]
    assert len({document.id for document in found}) == 3


@pytest.mark.parametrize("head", ["2023-07-{:02d} ", "[2023/7/{} 16:40] ", "2023年7月{}日 09:30:00 | "])
def test_dates_of_one_form_open_an_article_each_and_stay_in_its_text(tmp_path: Path, head: str) -> None:
    lines = [head.format(n) + told(n) for n in range(9, 12)]
    found = read(tmp_path, "\n".join(lines))
    assert [document.date for document in found] == ["2023-07-09", "2023-07-10", "2023-07-11"]
    assert [document.text for document in found] == lines


def test_a_line_that_opens_none_goes_on_from_the_article_above_it(tmp_path: Path) -> None:
    lines = [f"2023-07-{n:02d}，正文：{told(n)}" for n in range(1, 21)]
    lines[3:3] = ["（责任编辑：张三）这一行是前一篇文章的第二段。"]
    found = read(tmp_path, "七月要闻\n" + "\n".join(lines))
    assert [document.title for document in found[:2]] == ["七月要闻", told(1)[:30] + "…"]
    assert len(found) == 21
    assert found[3].text == f"{told(3)}\n{lines[3]}"
    assert found[3].places == ((0, 4), (len(told(3)) + 1, 5))


@pytest.mark.parametrize(
    "lines",
    [
        [f"2019年5月{n}日，公司开始了新的一段历程。{LONG}" for n in range(1, 6)],  # the date belongs to the sentence
        [f"2023-07-{n:02d} 10:00 客服：您好，请问有什么可以帮您？" for n in range(1, 9)],  # short: a log
        [f"第{n}点，正文：{told(n)}" for n in range(1, 6)],  # no dates
        [f"2023-07-{n:02d} {name}：{told(n)}" for n, name in enumerate(["记者", "专家", "市民", "校长"], 1)]
        + [LONG] * 3,
        [f"2023-07-{n:02d}，正文：{told(n)}" for n in (1, 2)],  # twice is no pattern
        [told(n) for n in range(5)],
    ],
    ids=["chronicle", "log", "no dates", "speakers", "two", "prose"],
)
def test_other_files_of_lines_are_one_document(tmp_path: Path, lines: list[str]) -> None:
    (document,) = read(tmp_path, "\n".join(lines))
    assert all(line in document.text for line in set(lines))


def test_what_a_table_or_a_letter_says_of_itself_goes_first(tmp_path: Path) -> None:
    lines = "\n".join(f"2023-07-{n:02d}，正文：{told(n)}" for n in range(1, 5))
    letter = (
        f"Subject: July\nFrom: a@example.org\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n{lines}"
    )
    (document,) = read(tmp_path, letter, "a.eml")
    assert document.title == "July"


def test_a_locator_names_the_line_of_the_article(tmp_path: Path) -> None:
    found = read(tmp_path, "\n".join(f"2023-07-{n:02d}，正文：{told(n)}" for n in range(1, 31)))
    _, sentences = split_document(found[16], lambda texts: [len(text) + 2 for text in texts], 512)
    assert found[16].text[sentences[0].start : sentences[0].end] == "第17篇。"
    assert locator(found[16], sentences[0].start, sentences[-1].end) == "L17"


BODY = "这一天的会上说明了预算和进度，" * 6 + "会议到此结束。"


@pytest.mark.parametrize("form", ["title, date, body", "date, title, body", "title, body, date"])
def test_each_article_has_the_date_that_is_its_own(tmp_path: Path, form: str) -> None:
    entries = [
        {"title": f"第{n}次会议纪要", "date": f"2024-01-{n + 10}", "body": f"第{n}次。{BODY}"} for n in range(1, 5)
    ]
    found = read(tmp_path, "\n".join(entry[part] for entry in entries for part in form.split(", ")))
    assert [(d.title, d.date) for d in found] == [(entry["title"], entry["date"]) for entry in entries]
    assert all(entry["body"] in document.text for entry, document in zip(entries, found, strict=True))


def test_a_short_article_stays(tmp_path: Path) -> None:
    bodies = ["预算定为120万元。", f"二月。{BODY}", f"三月。{BODY}"]
    text = "\n".join(f"{n}月例会纪要\n2024-0{n}-05\n{body}" for n, body in enumerate(bodies, 1))
    found = read(tmp_path, text)
    assert [document.date for document in found] == ["2024-01-05", "2024-02-05", "2024-03-05"]
    assert bodies[0] in found[0].text


def test_of_two_articles_nothing_is_taken_for_furniture(tmp_path: Path) -> None:
    annex = f"附件：实施细则\n第一条的内容是这样。附件。{BODY}"
    text = f"关于检查的通知\n检查。{BODY}\n2024-01-05\n关于培训的通知\n培训。{BODY}\n2024-02-05\n{annex}"
    (document,) = read(tmp_path, text)
    assert "第一条的内容是这样。" in document.text
