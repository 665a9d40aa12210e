"""Filters as they are given: as options of a command, or as JSON; both make one `rag.types.Filter`."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rag.errors import FilterError
from rag.types import Filter
from rag.types.filters import one_form, shortened
from rag.validation import in_chinese

_PATH = (
    "A path as citations give it, or a pattern: `*` stands for any characters, `?` for one. A folder or an archive "
    "stands for all that lies in it. Of several, one has to match."
)
_PERIOD = "ISO: `2023`, `2023-05` or `2023-05-17`, the whole period. Documents without a date are left out."
_METADATA = "name -> value, or several values of which the document has one. Every name has to match."


class Filters(BaseModel):
    """Only documents that meet all of this are asked and quoted."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"path": "seeds/*", "since": "2023", "until": "2024-06"}]},
    )

    path: str | list[str] = Field([], description=_PATH)
    since: str | None = Field(None, description=f"First day or period. {_PERIOD}")
    until: str | None = Field(None, description=f"Last day or period. {_PERIOD}")
    metadata: dict[str, str | list[str]] = Field({}, description=_METADATA)

    def value(self) -> Filter | None:
        """None where nothing is asked for. Raises FilterError."""
        named = ((name, values) for name, given in self.metadata.items() for values in [_several(given)])
        return _made(_several(self.path), self.since, self.until, named)


def filter_of(given: Filter | Filters | Mapping[str, object] | None) -> Filter | None:
    """Whichever way it is given. Raises FilterError."""
    if given is None or isinstance(given, Filter):
        return None if given == Filter() else given
    if isinstance(given, Filters):
        return given.value()
    try:
        return Filters.model_validate(dict(given)).value()
    except ValidationError as error:
        first = error.errors()[0]
        name = shortened(".".join(map(str, first["loc"])))
        raise FilterError(name=name, problem_en=first["msg"], problem_zh=in_chinese(first)) from None


def filter_of_options(where: Sequence[str], since: str | None, until: str | None) -> Filter | None:
    """`--where path=PATTERN`, `--where NAME=VALUE`, `--since`, `--until`. Raises FilterError."""
    paths: list[str] = []
    named: list[tuple[str, list[str]]] = []
    for one in where:
        name, equals, value = one.partition("=")
        if not equals or not name.strip() or not value.strip():
            english = f"{shortened(one)}: give path=PATTERN or NAME=VALUE."
            raise FilterError(
                name="--where", problem_en=english, problem_zh=f"{shortened(one)}：请用 path=路径或通配符，或 名称=值。"
            )
        if name.strip() == "path":
            paths.append(value)
        else:
            named.append((name, [value]))
    return _made(paths, since, until, named)


def _made(
    paths: Sequence[str], since: str | None, until: str | None, named: Iterable[tuple[str, Sequence[str]]]
) -> Filter | None:
    """In one form, whatever order it was given in; None where nothing is asked for."""
    values: dict[str, list[str]] = {}
    for name, given in named:
        values.setdefault(one_form(name), []).extend(map(one_form, given))
    made = Filter(
        paths=tuple(sorted({path.strip().removeprefix("./").rstrip("/") for path in paths})),
        since=since.strip() if since else None,
        until=until.strip() if until else None,
        metadata=tuple((name, tuple(sorted(set(values[name])))) for name in sorted(values)),
    )
    return None if made == Filter() else made


def _several(given: str | list[str]) -> list[str]:
    return [given] if isinstance(given, str) else given
