"""Filters as they are given: the same filter from options, from JSON and from Python; one clear line for all else."""

import itertools
import sqlite3

import pytest

from rag.errors import FactError, FilterError
from rag.filters import Filters, filter_of, filter_of_options
from rag.types import Filter
from rag.types.filters import MOST_PATTERNS, checked_metadata, first_day, is_period, last_day, meets


def test_options_and_json_say_the_same() -> None:
    wanted = Filter(
        paths=("a.zip", "reports/*"),
        since="2023",
        until="2023-05",
        metadata=(("source", ("人民日报", "新华社")), ("栏目", ("a=b",))),
    )
    where = ["path=reports/*", "source=新华社", "source=人民日报", "path=./a.zip/", "栏目= a=b "]
    assert filter_of_options(where, "2023", "2023-05") == wanted
    given = {
        "path": ["reports/*", "a.zip", "a.zip/"],
        "since": "2023",
        "until": "2023-05",
        "metadata": {"栏目": "a=b", "source": ["新华社", "人民日报"]},
    }
    assert filter_of(given) == filter_of(Filters.model_validate(given)) == filter_of(wanted) == wanted
    assert hash(filter_of(given)) == hash(wanted)


def test_nothing_asked_for_is_no_filter() -> None:
    assert filter_of_options((), None, None) is None
    for nothing in (None, {}, Filters(), Filter(), {"path": [], "metadata": {}}):
        assert filter_of(nothing) is None


@pytest.mark.parametrize(
    ("where", "since", "until", "told"),
    [
        (["reports"], None, None, "--where: reports: give path=PATTERN or NAME=VALUE"),
        (["=x"], None, None, "--where: =x"),
        (["source="], None, None, "--where: source="),
        (["path=a\nb"], None, None, "path: give a path"),
        (["title=年报"], None, None, "title: is no metadata"),
        (["date=2023"], None, None, "use since and until"),
        ([], "去年", None, "since: 去年 is no date"),
        ([], None, "2023-02-30", "until: 2023-02-30 is no date"),
        ([], "20230501", None, "since: 20230501"),
        ([], "２０２３", None, "since: ２０２３"),
        ([], "2023-06", "2023-05", "since: 2023-06 is after until 2023-05"),
        ([f"path={n}" for n in range(MOST_PATTERNS + 1)], None, None, "more than 200"),
    ],
)
def test_bad_options_are_told_in_one_line(where: list[str], since: str, until: str, told: str) -> None:
    with pytest.raises(FilterError) as refused:
        filter_of_options(where, since, until)
    assert told in str(refused.value)
    assert refused.value.exit_code == 2
    for language in ("en", "zh"):
        assert len(refused.value.message(language).splitlines()) == 1


@pytest.mark.parametrize("given", [{"paths": "a"}, {"path": 1}, {"metadata": {"a": 1}}, {"since": 2023}])
def test_bad_json_is_told_in_one_line(given: dict[str, object]) -> None:
    with pytest.raises(FilterError, match=next(iter(given))):
        filter_of(given)


def test_periods() -> None:
    assert [is_period(text) for text in ("2023", "2024-02-29", "2023-02-29", "2023-00", "", "23")] == [
        *(True, True, False, False, False, False)
    ]
    assert (first_day("2023"), last_day("2023"), last_day("2023-05-17")) == ("2023-01-01", "2023-12-31", "2023-05-17")


def test_metadata_is_kept_in_one_form() -> None:
    assert checked_metadata({" source ": "新华\n 社", "cafe\u0301": "x"}) == {"source": "新华 社", "café": "x"}
    for wrong in ({"": "x"}, {"a": " "}, {"title": "x"}, {"a": 1}):
        with pytest.raises(FactError):
            checked_metadata(wrong)  # type: ignore[arg-type]


def test_a_pattern_means_here_what_it_means_to_sqlite() -> None:
    db = sqlite3.connect(":memory:")
    paths = ["a", "ab", "a/b", "a/b/c", "[a]", "[a]/b", "a\\b", "", "b*", "a.b"]
    for length in (1, 2, 3, 4):
        for signs in itertools.product("a/*?[.", repeat=length):
            pattern = "".join(signs)
            asked = meets(Filter(paths=(pattern,)))
            for path in paths:
                glob = pattern.replace("[", "[[]")
                (found,) = db.execute("SELECT ?1 GLOB ?2 OR ?1 GLOB ?2 || '/*'", (path, glob)).fetchone()
                assert asked(path, None, {}) == bool(found), (pattern, path)


@pytest.mark.parametrize("pattern", ["*" * 300 + "!", "*a" * 400 + "!", "*?" * 400 + "!", "?*" * 50 + "x*" * 100 + "!"])
def test_no_pattern_takes_long(pattern: str) -> None:
    """Where matching goes back over what a star has taken, each star more multiplies the time."""
    assert not meets(Filter(paths=(pattern, "b")))("a" * 900, None, {})
