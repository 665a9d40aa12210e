"""Question and what was said before -> queries ready for search, one for each way to read the question by itself."""

from collections.abc import Sequence
from itertools import chain
from types import MappingProxyType

from rag.conversation import readings
from rag.text import SaidAs, content_words, idf, in_chinese, is_chinese, search_words, simplify, words
from rag.types import Embedder, Query, Store, Turn, Vectors


def understand(question: str, history: Sequence[Turn], store: Store, embedder: Embedder, limit: int) -> list[Query]:
    """The standalone readings of `question`, likeliest first; itself alone where nothing precedes it. None has more
    than `limit` characters."""
    return [prepare(reading, store, embedder) for reading in readings(question, history, limit)]


def prepare(question: str, store: Store, embedder: Embedder) -> Query:
    """Embed the question (simplified, as passages are) and weigh its content words by their information. What is not
    Chinese gets the words by which Chinese text may say the same."""
    vector = embedder.embed_questions([simplify(question)])[0]
    if is_chinese(question):
        return Query(question, vector, vector, tuple(search_words(question)), weighed_words(question, store))
    across, said_as = embedder.across(vector[None])[0], in_chinese(question)
    terms = (*search_words(question), *dict.fromkeys(chain(*_parts(said_as).values())))
    return Query(question, vector, across, terms, weighed_words(question, store, said_as), said_as)


def _parts(said_as: SaidAs) -> dict[str, list[str]]:
    """Chinese words of `said_as` -> the words of the word index that each is made of."""
    return {other: words(other) for others in said_as.values() for other in others if isinstance(other, str)}


def vector_for(query: Query, text: str) -> Vectors:
    """The question's vector [dim] that `text` is compared with."""
    return query.vector if query.across is query.vector or not is_chinese(text) else query.across


def weighed_words(question: str, store: Store, said_as: SaidAs = MappingProxyType({})) -> dict[str, float]:
    """The content words of a question, each with its share of the question's information. With what may say it a word
    counts as one word (Pirkola 1998), as frequent as the most frequent of them."""
    asked, parts = content_words(question), _parts(said_as)
    frequencies = store.word_frequencies([*asked, *chain(*parts.values())])
    whole = {other: min(frequencies[part] for part in some) for other, some in parts.items()}
    total = store.passage_count()
    information = []
    for word in asked:
        others = [whole[other] for other in said_as.get(word, ()) if isinstance(other, str)]
        information.append(idf(total, max(frequencies[word], *others, 0)))
    mass = sum(information) or 1.0
    return {word: bits / mass for word, bits in zip(asked, information, strict=True)}
