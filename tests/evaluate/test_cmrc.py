"""The CMRC 2018 scores against a direct transcription of their definition."""

import random

import pytest

from rag.evaluate import cmrc


@pytest.mark.parametrize(
    ("text", "segments"),  # as the script gives them with NLTK 3.9
    [
        ("约 3,000 people。", ["约", "3,000", "people"]),
        ("24-10", ["2410"]),
        ("the U.S. Army.", ["the", "u.s.", "army", "."]),
        ("$3.50, or 50%!", ["$", "3.50", ",", "or", "50", "%", "!"]),
        ("it's (he said) they'd cannot", ["it", "'s", "(", "he", "said", ")", "they", "'d", "can", "not"]),
        ("“神盾”系统：Aegis", ["神", "盾", "系", "统", "aegis"]),
        ("wait... what", ["wait", "...", "what"]),
        ("", []),
    ],
)
def test_segments(text: str, segments: list[str]) -> None:
    assert cmrc.segments(text) == segments


def defined_f1(prediction: str, golds: list[str]) -> float:
    """Every run of either side compared with every run of the other: slow, and nothing but the definition."""
    best = 0.0
    for gold in golds:
        a, b = cmrc.segments(gold), cmrc.segments(prediction)
        runs = {tuple(b[i:j]) for i in range(len(b)) for j in range(i + 1, len(b) + 1)}
        common = max(
            (j - i for i in range(len(a)) for j in range(i + 1, len(a) + 1) if tuple(a[i:j]) in runs), default=0
        )
        if common:
            precision, recall = common / len(b), common / len(a)
            best = max(best, 2 * precision * recall / (precision + recall))
    return best


def test_f1_is_its_definition() -> None:
    chance = random.Random(1)
    pool = ["丹", "佛", "野", "马", "队", "，", " ", "24", "Super ", "Bowl ", "50%", "。"]
    for _ in range(400):
        prediction = "".join(chance.choices(pool, k=chance.randint(0, 9)))
        golds = ["".join(chance.choices(pool, k=chance.randint(1, 9))) for _ in range(3)]
        assert cmrc.f1(prediction, golds) == pytest.approx(defined_f1(prediction, golds), abs=1e-12)


def test_the_common_run_is_contiguous() -> None:
    assert cmrc.longest_common_run("abcde", "abxde") == 2  # a subsequence would be 4


def test_exact_match_ignores_case_and_the_scripts_punctuation() -> None:
    assert cmrc.exact_match("《丹佛·野马》", ["别的", "丹佛野马"]) == 1.0
    assert cmrc.exact_match("丹佛野马.", ["丹佛野马"]) == 0.0  # an ASCII full stop is not on its list
    assert cmrc.exact_match("", ["丹佛"]) == 0.0
