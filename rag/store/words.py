"""Search by words: a Tantivy index over words that were segmented before they came here.

Passages are only ever added to the index of a small store. Where one was removed the whole index is made again, because
Tantivy counts deleted passages in its BM25 statistics until it happens to merge them away, and the scores would depend
on history. In a large store that would take minutes: there they are deleted, and a word weighs for a while what it
weighed with them.
"""

import errno
import math
import re
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import tantivy

from rag.store import files

_KEY, _WORDS = "key", "words"
_WRITER_MEMORY = 128_000_000  # bytes; on one thread, so that the same passages make the same index
_FEW = 2000  # keys: 4 µs each, where looking for few among 75,000 passages takes most of a second
_SCORE_DECIMALS = 4  # Tantivy sums float32 in an order that varies with the segments; beyond this lies noise


class WordIndex:
    """BM25 over passages by integer key, in a folder or in memory."""

    def __init__(self, index: tantivy.Index, private: tempfile.TemporaryDirectory[str] | None = None) -> None:
        blank = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
        index.register_tokenizer(_WORDS, blank)
        self._index = index
        self._private = private
        self._searcher = index.searcher()

    @classmethod
    def create(cls, folder: Path | None) -> "WordIndex":
        """A new, empty index; in memory where `folder` is None. Raises OSError."""
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field(_KEY, fast=True, indexed=True)
        builder.add_text_field(_WORDS, tokenizer_name=_WORDS, index_option="freq")
        if folder is None:
            return cls(tantivy.Index(builder.build()))
        folder.mkdir()
        return cls(tantivy.Index(builder.build(), path=str(folder)))

    @classmethod
    def load(cls, folder: Path) -> "WordIndex":
        """Raises OSError, ValueError."""
        try:
            return cls(tantivy.Index.open(str(folder)))
        except ValueError as error:
            if "Lockfile" not in str(error):
                raise
        # Tantivy takes a lock even to read, which a read-only folder does not allow.
        private = tempfile.TemporaryDirectory(prefix="rag-words-")
        try:
            copy = Path(private.name) / files.WORDS
            files.link_or_copy(folder, copy)
            return cls(tantivy.Index.open(str(copy)), private)
        except BaseException:
            private.cleanup()
            raise

    def add(self, passages: Iterable[tuple[int, str]], removed: Sequence[int] = ()) -> None:
        """Add (key, words joined by blanks), delete the keys `removed`, and commit. Raises OSError, also for what
        Tantivy could not write."""
        try:
            writer = self._index.writer(_WRITER_MEMORY, num_threads=1)
            if removed:
                schema = self._index.schema
                writer.delete_documents_by_query(tantivy.Query.term_set_query(schema, _KEY, list(removed)))
            for key, words in passages:
                writer.add_document(tantivy.Document(**{_KEY: key, _WORDS: words}))
            writer.commit()
            writer.wait_merging_threads()
        except ValueError as error:  # how Tantivy reports any failure, a full disk too
            code = re.search(r"\bcode: (\d+)", str(error))
            raise OSError(int(code[1]) if code else errno.EIO, str(error)) from error
        self._index.reload()
        self._searcher = self._index.searcher()

    def __len__(self) -> int:
        return self._searcher.num_docs

    def keys(self) -> list[int]:
        """All keys, in no order."""
        return self._keys(self._searcher.search(tantivy.Query.all_query(), limit=max(len(self), 1)))

    def frequency(self, word: str) -> int:
        """In how many passages `word` stands."""
        return self._searcher.doc_freq(_WORDS, word)

    def best(self, words: Sequence[str], k: int, among: frozenset[int] | None = None) -> list[tuple[int, float]]:
        """(key, BM25) of the best `k` passages and of all that tie with the last of them, in no order among ties.

        `among` are the only keys that count, where they are given. Few of them are part of the question put to Tantivy;
        of many, the best are among the first that it gives, and more are asked for until enough of them are there.
        """
        schema = self._index.schema
        terms = [tantivy.Query.term_query(schema, _WORDS, word, index_option="freq") for word in words]
        query = tantivy.Query.boolean_query([(tantivy.Occur.Should, term) for term in terms])
        if among is not None and len(among) <= _FEW:
            only = tantivy.Query.const_score_query(tantivy.Query.term_set_query(schema, _KEY, sorted(among)), 0.0)
            query = tantivy.Query.boolean_query([(tantivy.Occur.Must, query), (tantivy.Occur.Must, only)])
            among = None
        limit = 2 * k  # more than k: ties show
        while True:
            found = self._searcher.search(query, limit=limit, count=False)
            scores = [round(float(score), _SCORE_DECIMALS) for score, _ in found.hits]
            hits = list(zip(self._keys(found), scores, strict=True))
            if among is not None:
                hits = [(key, score) for key, score in hits if key in among]
            least = hits[k - 1][1] if len(hits) >= k else -math.inf
            if len(scores) < limit or scores[-1] < least:
                return [(key, score) for key, score in hits if score >= least]
            limit *= 4

    def close(self) -> None:
        if self._private is not None:
            self._private.cleanup()

    def _keys(self, found: tantivy.SearchResult) -> list[int]:
        addresses = [address for _, address in found.hits]
        return [int(key) for key in self._searcher.fast_field_values(_KEY, addresses) if key is not None]
