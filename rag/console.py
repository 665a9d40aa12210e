"""What the command line shows: colour and tables in a terminal, plain text in a pipe; Chinese and English alike."""

import locale
import os
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from rag.assistant import Explanation
from rag.duplicates import Copy
from rag.text import has_han, one_line
from rag.types import AlsoIn, Answer, Citation, DocumentSummary, Run

if TYPE_CHECKING:
    from rag.ingest import IngestReport

REASONS = {
    "no_passage": ("the store holds nothing to answer from", "库中没有可供回答的内容"),
    "no_match": ("no document matches the filter", "没有文档符合筛选条件"),
    "no_answer": ("the passages found do not say it", "找到的段落没有给出答案"),
    "other_period": ("the passages found speak of another period", "找到的段落说的是另一个时期"),
    "other_entity": ("the passages found speak of something else", "找到的段落说的是别的对象"),
    "not_covered": ("the documents do not mention what was asked about", "文档没有提到所问的内容"),
    "too_unsure": ("nothing found is sure enough to be shown as the answer", "对找到的内容把握不足，不宜作为答案"),
}
"""Why an answer is an abstention, in English and in Chinese."""

PASSED = {
    "hidden": ("its name begins with a dot", "名称以点开头"),
    "link": ("it is a link to a folder; name that folder", "是指向文件夹的链接，请直接指定那个文件夹"),
    "own": ("it is the store", "是库文件夹本身"),
    "questions": ("a set of questions, to evaluate with", "是用于评测的问答集"),
}
"""Why a file was meant to be left out, in English and in Chinese."""


_COUNTED = {
    "added": ("added", "新增"),
    "updated": ("updated", "更新"),
    "unchanged": ("unchanged", "未变"),
    "removed": ("removed", "移除"),
    "failed": ("failed", "失败"),
    "passed": ("passed over", "跳过"),
}
_CHANGES = {"added": ("added", "新增"), "updated": ("updated", "更新"), "removed": ("removed", "移除")}


def message_language(setting: str, text: str = "") -> str:
    """ "zh" or "en": as set; else as the question is written; else as the system is set up."""
    if setting != "auto":
        return setting
    if text:
        return "zh" if has_han(text) else "en"
    named = os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    named = named or (locale.getlocale()[0] or "")
    return "zh" if named.lower().startswith(("zh", "chinese")) else "en"


ENDINGS = {
    "done": ("done", "完成"),
    "broken": ("ended by an error", "因错误结束"),
    "interrupted": ("interrupted", "已中断"),
    "killed": ("killed", "被强行终止"),
    None: ("not ended: at work, or killed", "未结束：正在运行或已被强行终止"),
}
"""How a run ended, in English and in Chinese."""

POSSIBLY = ("Possibly, please check", "可能相关，请核对")
"""What is said of the sentences beside an abstention, in English and in Chinese."""


ALSO_IN = ("also in", "另见")
"""Before the other documents that hold a cited sentence, in English and in Chinese."""

ALSO_SHOWN = 3  # of them named to readers, who are told how many more there are; programs get all


class Screen:
    """Prints results to standard output in one language."""

    def __init__(self, language: str, console: Console | None = None) -> None:
        self._chinese = language == "zh"
        self._console = console or Console(highlight=False, soft_wrap=not os.isatty(1))

    def say(self, english: str, chinese: str, style: str = "") -> None:
        self._console.print(Text(chinese if self._chinese else english, style))

    def taken(self, report: "IngestReport", held: tuple[int, int] | None) -> None:
        """What an ingest did, or would do where `held` (documents, passages) is None: then file by file."""
        for name in report.added if held is None else ():
            self.say(f"would add {name}", f"将新增 {name}")
        for name in report.updated if held is None else ():
            self.say(f"would update {name}", f"将更新 {name}")
        for name in report.removed if held is None else ():
            self.say(f"would remove {name}", f"将移除 {name}")
        for name, why in report.passed:
            english, chinese = PASSED[why]
            self.say(f"passed over {name}: {english}", f"跳过 {name}：{chinese}", "dim")
        counts = {key: len(getattr(report, key)) for key in ("added", "updated", "unchanged", "removed", "failed")}
        if not report.passed and not any(counts.values()):
            self.say("There were no files to take in.", "没有可导入的文件。")
        english = "{added} added, {updated} updated, {unchanged} unchanged, {removed} removed, {failed} failed"
        chinese = "新增 {added}，更新 {updated}，未变 {unchanged}，移除 {removed}，失败 {failed}"
        if report.passed:
            english, chinese = f"{english}, {len(report.passed)} passed over", f"{chinese}，跳过 {len(report.passed)}"
        english, chinese = english.format(**counts), chinese.format(**counts)
        if held is None:
            self.say(f"It would be: {english}. Nothing was changed.", f"预计：{chinese}。未作任何改动。")
        else:
            self.say(
                f"{english}; the store holds {held[0]} documents in {held[1]} passages.",
                f"{chinese}；库中共有 {held[0]} 篇文档、{held[1]} 个段落。",
            )

    def changes(self, report: "IngestReport") -> None:
        """A line for each file that changed; those that failed are told apart."""
        for kind, (english, chinese) in _CHANGES.items():
            for name in getattr(report, kind):
                self.say(f"{english} {name}", f"{chinese} {name}")

    def runs(self, runs: Sequence[Run]) -> None:
        """A row of tab-separated columns a run in a pipe; in a terminal what was asked, and below it what it did."""
        if self._console.is_terminal:
            for run in runs:
                self._hung(Text(f"{run.number:>3}  ", "cyan"), self._run(run))
            return
        self._rows(
            ("run", "began", "ended", "s", *_COUNTED, "passages", "asked"),
            [
                (
                    *(str(run.number), _local(run.began)),
                    *(ENDINGS[run.ending][self._chinese], "-" if run.seconds is None else f"{run.seconds:.1f}"),
                    *(str(run.counts.get(name, "-")) for name in _COUNTED),
                    *(str(run.passages), one_line(" ".join(run.asked))),
                )
                for run in runs
            ],
        )

    def _run(self, run: Run) -> Text:
        counts = [(n, *_COUNTED[name]) for name in _COUNTED if (n := run.counts.get(name, 0))]
        told = [f"{chinese} {n}" if self._chinese else f"{n} {english}" for n, english, chinese in counts]
        if not told:
            told = ["没有文件" if self._chinese else "no files"]
        if run.passages:
            told.append(f"写入 {run.passages} 个段落" if self._chinese else f"{run.passages} passages written")
        line = Text(f"{_local(run.began)}  {ENDINGS[run.ending][self._chinese]}")
        if run.seconds is not None:
            line.append(f"  {run.seconds:.1f} {'秒' if self._chinese else 's'}")
        line.append(f"  {one_line(' '.join(run.asked))}", "bold")
        return line.append("\n" + ("，" if self._chinese else ", ").join(told), "dim")

    def answer(self, answer: Answer) -> None:
        if answer.standalone_question != answer.question:
            self.say(f"Understood as: {answer.standalone_question}", f"理解为：{answer.standalone_question}", "dim")
        if answer.status == "abstained":
            self._abstention(answer)
            return
        for sentence in answer.sentences:
            line = _marked(sentence.text, sentence.highlights, "bold green")
            self._console.print(line.append(f" [{sentence.citation}]", "cyan"))
        self._console.print()
        for citation in answer.citations:
            self._hung(Text(f"[{citation.number}] ", "cyan"), _source(citation))
            self._also_in(citation, "    ")
        total = answer.timings_ms.get("total", 0.0)
        self.say(
            f"confidence {answer.confidence:.2f} · {total:.0f} ms",
            f"置信度 {answer.confidence:.2f} · {total:.0f} 毫秒",
            "dim",
        )

    def _abstention(self, answer: Answer) -> None:
        english, chinese = REASONS[answer.reason or "too_unsure"]
        self.say(f"No answer: {english}.", f"没有答案：{chinese}。", "yellow")
        if answer.nearest:
            self._console.print()
            self.say(f"{POSSIBLY[0]}:", f"{POSSIBLY[1]}：", "dim")
        for near in answer.nearest:
            sentence = _marked(near.text.replace("\n", " "), near.highlights, "not dim yellow")
            self._hung(Text(f"{near.confidence:>4.0%}  ", "dim"), _dimmed(sentence))
            self._hung(Text(" " * 6), _dimmed(_source(near.citation)))
            self._also_in(near.citation, " " * 6)

    def _also_in(self, citation: Citation, indent: str) -> None:
        for place in citation.also_in[:ALSO_SHOWN]:
            self._hung(Text(f"{indent}{ALSO_IN[self._chinese]} ", "dim"), _source(place))
        if more := len(citation.also_in[ALSO_SHOWN:]):
            self.say(f"{indent}and in {more} more", f"{indent}及另外 {more} 篇", "dim")

    def _hung(self, lead: Text, text: Text) -> None:
        """`lead` before the first line and as much space before the others; one line in a pipe."""
        if self._console.is_terminal:
            rows = Table.grid("", Column(overflow="fold"))
            rows.add_row(lead, text)
            self._console.print(rows)
        else:
            self._console.print(lead.append_text(text))

    def explanation(self, explanation: Explanation) -> None:
        """Words, passages and sentences, each with the scores that ranked it."""
        self._console.print()
        words = "  ".join(f"{word} {share:.2f}" for word, share in explanation.query.words.items())
        self.say(f"Words and their share of the question: {words}", f"词语及其在问题中的占比：{words}")
        columns = ("#", "score", "cosine", "sentence", "words", "dense", "lexical", "passage")
        chinese = ("#", "得分", "余弦", "最佳句", "词语", "向量名次", "词语名次", "段落")
        self._rows(
            chinese if self._chinese else columns,
            [
                (
                    str(n),
                    f"{hit.score:.2f}",
                    f"{hit.cosine:.3f}",
                    f"{hit.sentence_cosine:.3f}",
                    f"{hit.word_share:.2f}",
                    str(hit.dense_rank or "-"),
                    str(hit.lexical_rank or "-"),
                    hit.passage.id,
                )
                for n, hit in enumerate(explanation.hits, 1)
            ],
        )
        self._rows(
            ("占比", "得分", "余弦", "词语", "句子")
            if self._chinese
            else ("share", "score", "cosine", "words", "sentence"),
            [
                (f"{c.share:.3f}", f"{c.score:.2f}", f"{c.features.cosine:.3f}", f"{c.features.word_share:.2f}", c.text)
                for c in explanation.candidates[:8]
            ],
        )

    def documents(self, documents: Sequence[DocumentSummary]) -> None:
        """Tab-separated rows in a pipe; in a terminal the documents of a file stand under its path."""
        if not self._console.is_terminal:
            self._rows(
                ("id", "path", "title", "date", "characters", "passages"),
                [(d.id, d.path, d.title, d.date or "-", str(d.characters), str(d.passages)) for d in documents],
            )
            return
        for path, group in groupby(documents, key=lambda document: document.path):
            self._console.print(Text(path, "bold"))
            table = Table.grid(padding=(0, 1), expand=True)
            table.add_column(no_wrap=True, style="cyan")
            table.add_column(no_wrap=True, ratio=1, overflow="ellipsis")
            table.add_column(no_wrap=True, style="dim")
            table.add_column(no_wrap=True, justify="right")
            for d in group:
                count = f"{d.characters} 字" if self._chinese else f"{d.characters} chars"
                table.add_row(f"  {d.id}", Text(d.title), d.date or "-", count)
            self._console.print(table)

    def duplicates(self, groups: Sequence[Sequence[Copy]]) -> None:
        """A row for each document of each group, the groups numbered."""
        if not groups and self._console.is_terminal:
            self.say("No two documents are nearly the same.", "没有基本相同的文档。")
            return
        chinese = ("组", "相似度", "标识", "路径", "标题", "日期")
        columns = ("group", "similarity", "id", "path", "title", "date")
        rows = [
            (str(number), f"{one.similarity:.2f}", d.id, d.path, d.title, d.date or "-")
            for number, group in enumerate(groups, 1)
            for one in group
            for d in [one.document]
        ]
        self._rows(chinese if self._chinese and self._console.is_terminal else columns, rows)

    def _rows(self, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        if not self._console.is_terminal:
            for row in (columns, *rows):
                print("\t".join(row), file=self._console.file)  # rich would turn the tabs into spaces
            return
        table = Table(box=None, pad_edge=False, header_style="bold")
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print(table)


def _local(time: str) -> str:
    """ISO, as of a clock here: "2024-01-25 08:30:00"."""
    return datetime.fromisoformat(time).astimezone().isoformat(" ", "seconds")[:19]


def _dimmed(text: Text) -> Text:
    text.style = "dim"
    return text


def _marked(text: str, highlights: Sequence[tuple[int, int]], style: str) -> Text:
    line = Text(text)
    for start, end in highlights:
        line.stylize(style, start, end)
    return line


def _source(citation: Citation | AlsoIn) -> Text:
    line = Text(f"{citation.path} {citation.locator}", "bold").append(f"  {citation.title}", "not bold")
    return line.append(f"  {citation.date}", "dim not bold") if citation.date else line
