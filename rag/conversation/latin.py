"""Any other follow-up: an English one part for part, one in another language together with the question before it."""

from collections.abc import Iterator

import regex

from rag.text import scripts_differ

_PERIOD = regex.compile(
    r"(?:\b(?:in|by|for|during|since)\s+)?(?:the (?:first|second) half of )?\b(?:1[0-9]|20)\d{2}\b"
    r"|\b(?:last|this|next) year\b",
    flags=regex.IGNORECASE,
)
_LEAD = regex.compile(r"^(?:(?:and|but|so|or)\s+)?(?:(?:what|how) about\s+)?|^¿?(?:y|et|und|e)\s+", regex.IGNORECASE)
ENGLISH_PRONOUN = regex.compile(
    r"\b(?:(?P<owner>its|their|his|her(?=\s+\w))|(?P<place>(?<!\b(?:is|are|was|were|be)\s)there(?!\s+(?:is|are|was|were)\b))|it|they|them|he|she|him|her)\b",
    regex.IGNORECASE,
)
_AUXILIARY = regex.compile(
    r"\b(?:do|does|did|is|are|was|were|has|have|had|will|would|can|could|should)\b", regex.IGNORECASE
)
_PERSON = regex.compile(r"\b(?:he|she|his|her|him|they|their|them)\b", regex.IGNORECASE)
_NEXT_PART = regex.compile(
    r"\s+(?:in|on|at|for|of|to|from|by|with|during|since|when|after|before|aside)\b|\s*[?？]|\s*$", regex.IGNORECASE
)


def latin_readings(question: str, before: str, answered: str) -> Iterator[str]:
    led = _LEAD.match(question)
    rest = question[led.end() :] if led else question
    bare = rest.rstrip("?？ ")
    if not bare:  # "And?": what was asked, once more
        yield before
        return
    leads, points = rest != question, ENGLISH_PRONOUN.search(rest)
    apart = scripts_differ(question, before)  # nothing can be put in the place of anything
    named = bool(names_in(rest[: points.start()] if points else rest))
    if not leads and (named or (apart and not points)):  # names what it is about, or points at nothing
        yield question
        return
    if apart:
        pass
    elif points:
        yield from _resolved(rest, before, answered)
    elif _PERIOD.fullmatch(bare):
        yield (_PERIOD.sub(bare, before, count=1) if _PERIOD.search(before) else f"{before.rstrip('?？ ')} {bare}?")
    elif leads and not _AUXILIARY.search(bare):
        yield from _substituted(bare, before)
    yield f"{before} {question}"
    if not points:
        yield rest[:1].upper() + rest[1:] if leads else question


def _resolved(rest: str, before: str, answered: str) -> Iterator[str]:
    """A name of what went before in the place of the pronoun; a person asked for is named by the answer."""
    told = [name for name in names_in(answered) if name not in before][:1]
    person = _PERSON.search(rest) is not None and regex.match(r"who|which", before, regex.IGNORECASE) is not None
    for name in [*told, *names_in(before)][:3] if person else [*names_in(before)[:2], *told]:

        def put(match: regex.Match[str], name: str = name) -> str:
            return f"{name}'s" if match["owner"] else f"in {name}" if match["place"] else name

        yield ENGLISH_PRONOUN.sub(put, rest, count=1)


def _substituted(part: str, before: str) -> Iterator[str]:
    auxiliary = _AUXILIARY.search(before)
    if auxiliary and regex.match(r"(?:how|what|which|who)\b", part, regex.IGNORECASE):
        frame = before[auxiliary.start() :]
        yield f"{part[0].upper()}{part[1:]} {frame if auxiliary.start() else frame[0].lower() + frame[1:]}"
        return
    if part[0].isupper():
        for name in names_in(before)[:2]:
            yield before.replace(name, part, 1)
    if auxiliary:
        end = _NEXT_PART.search(before, auxiliary.end() + 1)
        yield f"{before[: auxiliary.end()]} {part}{before[end.start() :] if end else '?'}"


_NAME = regex.compile(
    r"(?:\p{Lu}[\p{L}\p{N}'’&.\-]*|\d+\p{Latin}+)(?:\s+(?:(?:of|the|and|de|van|von|du)\s+)?(?:\p{Lu}[\p{L}\p{N}&.\-]*|\d+))*"
    r"(?:\s*[（(]\p{Han}+[）)])?"
)
_OPENERS = regex.compile(
    r"(?:who|whom|whose|what|which|when|where|why|how|in|on|at|by|to|from|for|the|a|an|is|are|was|were|do|does|did|has|have"
    r"|prior|after|before|it|its|he|his|she|her|they|their|this|that|these|those|there)\b\s*",
    flags=regex.IGNORECASE,
)


def names_in(text: str) -> list[str]:
    """Names in a text whose names begin with capitals, in order, each once, without a possessive ending."""
    found = []
    for match in _NAME.finditer(text):
        name = match.group()
        if match.start() == 0 or text[match.start() - 2 : match.start()].strip() in (".", "?", "!"):
            while opener := _OPENERS.match(name + " "):
                name = name[opener.end() :]
        name = regex.sub(r"['’]s?$|\.$", "", name.strip())
        if len(name) > 1:
            found.append(name)
    return list(dict.fromkeys(found))
