"""What its user says of a document: title, date and metadata, before what was found in it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rag.errors import FactError
from rag.types.filters import LONGEST, checked_metadata, is_period, is_word, one_form, shortened
from rag.types.values import Document


@dataclass(frozen=True, slots=True)
class Facts:
    """Made by `facts_of`. A title is one line, a date ISO; what is "" or None was not said."""

    title: str = ""
    date: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def of(self, documents: Sequence[Document]) -> list[Document]:
        """The documents of one file with this said of them: metadata is added to their own. Raises FactError where a
        title would be that of several."""
        if self.title and len(documents) > 1:
            raise title_of_several(documents[0].path)
        return [
            replace(
                one,
                title=self.title or one.title,
                date=self.date or one.date,
                metadata={**one.metadata, **self.metadata},
            )
            for one in documents
        ]


def facts_of(title: str, date: str | None, metadata: Mapping[str, str]) -> Facts | None:
    """None where nothing is said. Raises FactError."""
    title, date = one_form(title), (date or "").strip() or None
    if title and not is_word(title):
        raise FactError(
            name="title",
            problem_en=f"{shortened(title)} is no title; give one line of at most {LONGEST} characters.",
            problem_zh=f"{shortened(title)} 不能作标题，请用一行文字，不超过 {LONGEST} 个字符。",
        )
    if date is not None and not is_period(date):
        raise FactError(
            name="date",
            problem_en=f"{shortened(date)} is no date; give 2023, 2023-05 or 2023-05-17.",
            problem_zh=f"{shortened(date)} 不是日期，请用 2023、2023-05 或 2023-05-17。",
        )
    made = Facts(title, date, checked_metadata(metadata))
    return None if made == Facts() else made


def title_of_several(path: object) -> FactError:
    return FactError(
        name="title",
        problem_en=f"{path} holds several documents; give a title to one at a time.",
        problem_zh=f"{path} 含有多篇文档，标题只能给单篇文档。",
    )
