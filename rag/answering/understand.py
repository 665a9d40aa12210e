"""Question and what was said before -> queries ready for search, one for each way to read the question by itself."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rag.conversation import readings
from rag.text import content_words, idf, in_chinese, is_chinese, search_words, simplify, words
from rag.types import Embedder, Query, Store, Turn, Vectors

NOTHING: Mapping[str, Sequence[str]] = MappingProxyType({})


def understand(question: str, history: Sequence[Turn], store: Store, embedder: Embedder, limit: int) -> list[Query]:
    """The standalone readings of `question`, likeliest first; itself alone where nothing precedes it. None has more
    than `limit` characters."""
    return [prepare(reading, store, embedder) for reading in readings(question, history, limit)]


def prepare(question: str, store: Store, embedder: Embedder) -> Query:
    """Embed the question (simplified, as passages are) and weigh its content words by their information."""
    vector = embedder.embed_questions([simplify(question)])[0]
    across = vector if is_chinese(question) else embedder.across(vector[None])[0]
    said_as = {} if is_chinese(question) else in_chinese(question)
    terms = (*search_words(question), *_parts(said_as))
    return Query(question, vector, across, terms, weighed_words(question, store, said_as), said_as)


def _parts(said_as: Mapping[str, Sequence[str]]) -> dict[str, None]:
    """The words of the word index that all of `said_as` are made of, each once."""
    return dict.fromkeys(part for others in said_as.values() for other in others for part in words(other))


def vector_for(query: Query, text: str) -> Vectors:
    """The question's vector [dim] that `text` is compared with."""
    return query.vector if query.across is query.vector or not is_chinese(text) else query.across


def weighed_words(question: str, store: Store, said_as: Mapping[str, Sequence[str]] = NOTHING) -> dict[str, float]:
    """The content words of a question, each with its share of the question's information. What Chinese may say for one
    counts as the same word (Pirkola 1998): as frequent as the most frequent of them."""
    asked = content_words(question)
    frequencies = store.word_frequencies([*asked, *_parts(said_as)])
    total = store.passage_count()
    information = []
    for word in asked:
        others = (min(frequencies[part] for part in words(other)) for other in said_as.get(word, ()))
        information.append(idf(total, max([frequencies[word], *others])))
    mass = sum(information) or 1.0
    return {word: bits / mass for word, bits in zip(asked, information, strict=True)}
