import itertools
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.implementations import ByteLevelBPETokenizer

from rag.documents import read_documents, split_document, text_document
from rag.documents.split import passage_text
from rag.errors import EmptyFileError
from rag.types import Document

BODY = "这是第{}篇正文的第一句话，说明了有关的情况和背景。"
ARTICLES = "".join(
    f"  • 【专栏】第{n}篇的标题很清楚\n\n    {BODY.format(n) * 4}\n\n    2025-07-{n:02d}\n\n" for n in (1, 2, 3)
)


def count(texts: Sequence[str]) -> list[int]:
    return [len(text) + 2 for text in texts]


def read(tmp_path: Path, text: str, name: str = "a.txt") -> list[Document]:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_documents(tmp_path / name, name, 1)


def test_a_file_of_several_articles_becomes_several_documents(tmp_path: Path) -> None:
    found = read(tmp_path, ARTICLES + "有想补充的信息?点我投稿\n\n投稿须知：\n\n请以纯文本形式提交稿件。")
    assert [(d.title, d.date) for d in found] == [(f"第{n}篇的标题很清楚", f"2025-07-{n:02d}") for n in (1, 2, 3)]
    assert len({d.id for d in found}) == 3
    assert not any("投稿" in d.text or "专栏" in d.text for d in found)


def test_articles_whose_date_follows_the_title(tmp_path: Path) -> None:
    body = "这是正文的第一句话，说明了有关的情况和背景。" * 4
    found = read(tmp_path, f"第一篇标题\n2024-01-01\n{body}\n\n第二篇标题\n2024-02-02\n{body}改。\n")
    assert [(d.title, d.date) for d in found] == [("第一篇标题", "2024-01-01"), ("第二篇标题", "2024-02-02")]


def test_title_and_date_of_a_single_document(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "市政府工作报告\n2024-01-25 111\n\n一、总体情况。全年增长百分之五。\n")
    assert (document.title, document.date) == ("市政府工作报告", "2024-01-25")
    assert document.text == "市政府工作报告\n一、总体情况。全年增长百分之五。"
    assert [section.title for section in document.sections] == ["一、总体情况"]


def test_a_text_without_a_title_is_named_by_its_first_words(tmp_path: Path) -> None:
    (document,) = read(tmp_path, "这一段没有标题，只有正文，而且第一句话相当长，长到不能当作标题来看待，所以取其开头。")
    assert document.title == "这一段没有标题，只有正文，而且第一句话相当长，长到不能当作标…"


def test_lines_map_offsets_to_the_source(tmp_path: Path) -> None:
    source = "标题在此\n\n第一段的第一句话说明了情况。\n\n第二段在这里说明了结果。\n"
    (document,) = read(tmp_path, source)
    for offset, line in document.places:
        assert source.split("\n")[line - 1].startswith(document.text[offset : offset + 4])


def test_nothing_left_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(EmptyFileError):
        read(tmp_path, "第 1 页\n\n共 2 页\n")


def test_ids_are_stable_and_come_from_the_path(tmp_path: Path) -> None:
    assert read(tmp_path, "同样的正文。")[0].id == read(tmp_path, "改过的正文。")[0].id
    assert read(tmp_path, "同样的正文。", "b.txt")[0].id != read(tmp_path, "同样的正文。")[0].id


def test_text_documents_are_kept_as_they_are() -> None:
    document = text_document("第一行\n\n第 3 页", "p.txt", "题")
    assert (document.text, document.title) == ("题\n第一行\n第 3 页", "题")


def test_dates_within_a_chronicle_stay_in_the_text(tmp_path: Path) -> None:
    lines = ["公司大事记", "以下按年份记录。", "公司成立的经过如下。", "2019年5月1日", "公司在武汉成立。"]
    (document,) = read(tmp_path, "\n\n".join(lines))
    assert "2019年5月1日" in document.text


# --- splitting ---------------------------------------------------------------------------------------------------


@given(
    st.lists(
        st.sampled_from(["标题行", "短句。", "这是一个长一些的句子，里面有逗号。", "x" * 90, "列表项；"]),
        min_size=1,
        max_size=30,
    )
)
def test_passages_cover_the_text_in_whole_sentences_under_the_budget(lines: list[str]) -> None:
    document = text_document("\n".join(lines), "p.txt")
    passages, sentences = split_document(document, count, max_tokens=300, passage_tokens=60)
    assert [p.ordinal for p in passages] == list(range(len(passages)))
    assert all(a.end <= b.start for a, b in itertools.pairwise(passages))
    assert all(sum(p.start <= s.start and s.end <= p.end for p in passages) == 1 for s in sentences)
    assert re.sub(r"\s", "", "".join(document.text[s.start : s.end] for s in sentences)) == re.sub(
        r"\s", "", document.text
    )
    assert all(count([passage_text(document, p)])[0] <= 300 for p in passages)


def test_a_sentence_beyond_the_budget_is_cut_and_nothing_is_lost() -> None:
    document = text_document("很长的一句话，" * 100 + "完。", "p.txt")
    passages, sentences = split_document(document, count, max_tokens=300, passage_tokens=60)
    assert "".join(document.text[s.start : s.end] for s in sentences) == document.text
    assert max(count([document.text[p.start : p.end] for p in passages])) <= 62


@pytest.mark.parametrize("limit", [64, 128, 512])
def test_small_models_get_small_passages(limit: int) -> None:
    document = text_document("武汉是湖北省的省会城市，长江大桥很长，" * 20 + "完。", "p.txt")
    passages, _ = split_document(document, count, max_tokens=limit)
    assert all(count([passage_text(document, p)])[0] <= limit for p in passages)


@pytest.fixture(scope="module")
def byte_level() -> Callable[[Sequence[str]], list[int]]:
    """Counts as a byte-level tokenizer made for English does: a Chinese character is three tokens, an emoji is four."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(["the quick brown fox jumps over the lazy dog, and so on and so forth"] * 20, 320)
    return lambda texts: [len(one.ids) + 2 for one in tokenizer.encode_batch(list(texts))]


@pytest.mark.parametrize(
    "text",
    [
        "武汉是湖北省的省会城市，长江大桥很长，" * 20 + "完。",
        "short words first, as many as there may be, " * 6 + "然后是一长串没有标点的汉字" * 8 + "。",
        "🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳🐳" * 6,
        "一句。" * 200,
        "短短的一行\n" * 120,
        "One sentence.       " * 60,
        "x" * 400,
    ],
    ids=["clauses", "dense at its end", "emoji", "short sentences", "list", "white space", "one word"],
)
@pytest.mark.parametrize("limit", [64, 128, 512])
def test_no_passage_is_over_its_budget_however_tokens_are_counted(
    byte_level: Callable[[Sequence[str]], list[int]], text: str, limit: int
) -> None:
    document = text_document(text, "p.txt", "二〇二三年湖北省武汉市国民经济和社会发展情况的统计公报" * 2)
    passages, sentences = split_document(document, byte_level, max_tokens=limit, passage_tokens=100)
    assert max(byte_level([passage_text(document, p) for p in passages])) <= limit
    assert max(byte_level([document.text[p.start : p.end] for p in passages])) <= 100 + 16
    assert all(a.end <= b.start for a, b in itertools.pairwise(passages))
    assert all(sum(p.start <= s.start and s.end <= p.end for p in passages) == 1 for s in sentences)
    kept = "".join(document.text[s.start : s.end] for s in sentences)
    assert re.sub(r"\s", "", kept) == re.sub(r"\s", "", document.text)
    if limit == 512:
        assert all(p.context for p in passages)


def test_a_list_of_short_lines_fills_passages_evenly() -> None:
    document = text_document("短短的一行\n" * 200, "p.txt")
    passages, _ = split_document(document, count, max_tokens=512, passage_tokens=60)
    assert max(count([document.text[p.start : p.end] for p in passages])) <= 62 + 16
    assert len(passages) <= 200 * 6 / 30


def test_a_large_document_is_split_in_linear_time() -> None:
    sizes = []
    for repeat in (500, 2000):
        document = text_document("2024年的一句话说明了有关的情况和背景。" * repeat, "p.txt")
        calls = 0

        def counting(texts: Sequence[str]) -> list[int]:
            nonlocal calls
            calls += len(texts)
            return count(texts)

        split_document(document, counting, max_tokens=512)
        sizes.append(calls)
    assert sizes[1] <= 4.2 * sizes[0]


def test_a_section_starts_a_passage_and_its_headings_are_context(tmp_path: Path) -> None:
    body = "这一节说明了有关的情况，文字并不太长。"
    (document,) = read(tmp_path, f"工作报告\n2024-01-25\n\n2023年回顾\n\n{body}\n\n2024年目标\n\n{body}改。\n")
    passages, _ = split_document(document, count, max_tokens=512)
    assert [p.context for p in passages] == ["工作报告 2023年回顾", "工作报告 2024年目标"]


def test_a_note_gives_the_period(tmp_path: Path) -> None:
    (document,) = read(
        tmp_path, "工业运行情况\n\n增加值同比增长5.1%，好于预期。\n\n（注：以上数字均为2025年上半年数据）\n"
    )
    passages, _ = split_document(document, count, max_tokens=512)
    assert passages[0].context == "工业运行情况 2025年上半年"


def test_a_lead_sentence_stays_with_what_it_announces() -> None:
    document = text_document(
        "前面的内容说明了有关的情况和背景，文字较长一些。大力提升产业。后面的内容说明具体的做法和目标，文字也较长。",
        "p.txt",
    )
    passages, _ = split_document(document, count, max_tokens=300, passage_tokens=40)
    assert document.text[passages[1].start :].startswith("大力提升产业。")


# --- the seeds ---------------------------------------------------------------------------------------------------


def test_the_seeds_read_as_their_authors_wrote_them(seeds: Path) -> None:
    documents = [d for file in sorted(seeds.glob("*.txt")) for d in read_documents(file, file.name, 20)]
    assert len(documents) == 14
    texts = [d.text for d in documents]
    assert sum("“热带雨林”式创新生态" in text for text in texts) == 1
    assert all(text.count("为支撑、国际贸易为支撑的枢纽经济体系") <= 1 for text in texts)
    joined = "2023年公司入围高质量发展专项", "人工智能企业数增长35%", "31个行业中，21个行业实现增长"
    assert all(any(words in text for text in texts) for words in joined)
    assert not any("投稿" in text or "400-162-2002" in text for text in texts)
    assert sorted({d.date for d in documents if d.date}) == ["2024-01-25", "2025-07-09"]
