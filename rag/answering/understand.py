"""Question and what was said before -> queries ready for search, one for each way to read the question by itself."""

from collections.abc import Sequence

from rag.conversation import readings
from rag.text import content_words, idf, is_chinese, search_words, simplify
from rag.types import Embedder, Query, Store, Turn, Vectors


def understand(question: str, history: Sequence[Turn], store: Store, embedder: Embedder, limit: int) -> list[Query]:
    """The standalone readings of `question`, likeliest first; itself alone where nothing precedes it. None has more
    than `limit` characters."""
    return [prepare(reading, store, embedder) for reading in readings(question, history, limit)]


def prepare(question: str, store: Store, embedder: Embedder) -> Query:
    """Embed the question (simplified, as passages are) and weigh its content words by their information."""
    vector = embedder.embed_questions([simplify(question)])[0]
    across = vector if is_chinese(question) else embedder.across(vector[None])[0]
    return Query(question, vector, across, tuple(search_words(question)), weighed_words(question, store))


def vector_for(query: Query, text: str) -> Vectors:
    """The question's vector [dim] that `text` is compared with."""
    return query.vector if query.across is query.vector or not is_chinese(text) else query.across


def weighed_words(question: str, store: Store) -> dict[str, float]:
    """The content words of a question, each with its share of the question's information."""
    words = content_words(question)
    frequencies = store.word_frequencies(words)
    total = store.passage_count()
    information = [idf(total, frequencies[word]) for word in words]
    mass = sum(information) or 1.0
    return {word: bits / mass for word, bits in zip(words, information, strict=True)}
