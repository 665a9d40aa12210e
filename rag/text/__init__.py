"""The one room that knows language: matching forms, words, sentence ends, dates and figures.

Nothing here changes a document's text. What is compared (questions with passages, words with words) is compared in its
matching form, `fold`. Reading order: forms, words, sentences, asks.
"""

from rag.text.asks import (
    asked_parts,
    asks_date,
    asks_figure,
    asks_list,
    date_spans,
    enumeration_spans,
    figure_spans,
    find_date,
    focus_words,
    holds_asked_unit,
    said_years,
    years,
)
from rag.text.cloze import cloze_questions
from rag.text.english import in_chinese
from rag.text.forms import fold, fold_aligned, has_han, is_chinese, needs_space, one_line, scripts_differ, simplify
from rag.text.near import overlap, same_statement, says_same, shingles
from rag.text.sentences import is_finished, row_heads, sentence_spans
from rag.text.words import (
    SaidAs,
    build_dictionary,
    contains_word,
    content_words,
    dictionary_folder,
    idf,
    is_name,
    says,
    search_words,
    use_dictionary,
    word_share,
    word_spans,
    word_spans_boundary,
    words,
)

SPLITTER_VERSION = "1"
"""Grows whenever sentences, passages or index words come out differently for the same text."""

__all__ = [
    "SPLITTER_VERSION",
    "SaidAs",
    "asked_parts",
    "asks_date",
    "asks_figure",
    "asks_list",
    "build_dictionary",
    "cloze_questions",
    "contains_word",
    "content_words",
    "date_spans",
    "dictionary_folder",
    "enumeration_spans",
    "figure_spans",
    "find_date",
    "focus_words",
    "fold",
    "fold_aligned",
    "has_han",
    "holds_asked_unit",
    "idf",
    "in_chinese",
    "is_chinese",
    "is_finished",
    "is_name",
    "needs_space",
    "one_line",
    "overlap",
    "row_heads",
    "said_years",
    "same_statement",
    "says",
    "says_same",
    "scripts_differ",
    "search_words",
    "sentence_spans",
    "shingles",
    "simplify",
    "use_dictionary",
    "word_share",
    "word_spans",
    "word_spans_boundary",
    "words",
    "years",
]
