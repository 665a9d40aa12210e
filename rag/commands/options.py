"""What commands share: their common options, and the language they speak."""

import os
from typing import TYPE_CHECKING, Annotated

import typer

from rag.settings import Settings

if TYPE_CHECKING:
    from rag.console import Screen

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="Folder of the store, or milvus://HOST:PORT. [RAG_STORE, default vectorstore]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
WhereOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="Only documents with this metadata; path=PATTERN: only of this path (folder, reports/*.pdf). Repeatable.",
    ),
]
_PERIOD = "2023, 2023-05 or 2023-05-17. Documents without a date are left out."
SinceOption = Annotated[str | None, typer.Option(metavar="DATE", help=f"Only documents from then on: {_PERIOD}")]
UntilOption = Annotated[str | None, typer.Option(metavar="DATE", help=f"Only documents up to then: {_PERIOD}")]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but what went wrong.")]


def screen_of(settings: Settings, question: str = "") -> "Screen":
    from rag.console import Screen, message_language

    return Screen(message_language(settings.language, question))


def language_of(settings: Settings | None = None) -> str:
    from rag.console import message_language

    return message_language(settings.language if settings else os.environ.get("RAG_LANGUAGE", "auto"))
