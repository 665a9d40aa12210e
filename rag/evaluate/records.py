"""JSON objects of a Q&A set that know the line they stand on, so that whatever is wrong is one line naming it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from rag.errors import QASetError

_NAMES = {str: ("a text", "文本"), list: ("a list", "列表"), bool: ("true or false", "true 或 false")}


@dataclass(frozen=True, slots=True)
class Record:
    """One JSON object; the methods return a field or raise QASetError."""

    path: Path
    line: int  # 0 for an object inside a larger one: its line is only looked up when something is wrong with it
    fields: Mapping[str, Any]

    def fail(self, english: str, chinese: str) -> NoReturn:
        line = self.line or _line_of(self.path, self.fields)
        raise QASetError(path=self.path, line=line, problem_en=english, problem_zh=chinese)

    def text(self, field: str) -> str:
        """A text with something in it."""
        value = self._required(field, str)
        if not value.strip():
            self.fail(f'"{field}" is empty.', f"“{field}”为空。")
        return str(value)

    def identifier(self, field: str = "id") -> str:
        """A text, or a whole number as one."""
        value = self.fields.get(field)
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else self.text(field)

    def items(self, field: str) -> list[Any]:
        return list(self._required(field, list))

    def records(self, field: str) -> list["Record"]:
        """The objects in a list."""
        for item in (items := self.items(field)):
            if not isinstance(item, dict):
                self.fail(f'"{field}" holds something that is no object.', f"“{field}”中有不是对象的内容。")
        return [Record(self.path, 0, item) for item in items]

    def optional_text(self, field: str) -> str:
        return str(self._required(field, str)) if self.fields.get(field) is not None else ""

    def flag(self, field: str) -> bool:
        return bool(self._required(field, bool)) if self.fields.get(field) is not None else False

    def texts(self, field: str) -> list[str]:
        """A list of texts; one text counts as a list of one."""
        value = self.fields.get(field)
        items = [value] if isinstance(value, str) else self.items(field)
        return [self._filled(field, item) for item in items]

    def groups(self, field: str) -> list[tuple[str, ...]]:
        """A list of texts or lists of texts; each text counts as a list of one."""
        value = self.fields.get(field)
        groups = []
        for item in [value] if isinstance(value, str) else self.items(field):
            group = item if isinstance(item, list) else [item]
            groups.append(tuple(self._filled(field, text) for text in group))
            if not group:
                self.fail(f'"{field}" holds an empty list.', f"“{field}”中有空列表。")
        return groups

    def _filled(self, field: str, value: object) -> str:
        if not isinstance(value, str) or not value.strip():
            self.fail(
                f'"{field}" holds something other than non-empty texts.', f"“{field}”中有空文本或不是文本的内容。"
            )
        return value

    def _required(self, field: str, kind: type) -> Any:
        if field not in self.fields:
            self.fail(f'the field "{field}" is missing.', f"缺少字段“{field}”。")
        value = self.fields[field]
        if not isinstance(value, kind):
            english, chinese = _NAMES[kind]
            self.fail(f'"{field}" must be {english}.', f"“{field}”必须是{chinese}。")
        return value


def json_lines(path: Path) -> Iterator[Record]:
    """One Record for each line that is not blank; lines count from 1."""
    with path.open("rb") as file:
        for line, raw in enumerate(file, 1):
            if raw.strip():
                yield parse(path, line, raw.rstrip())


def parse(path: Path, line: int, raw: bytes) -> Record:
    """The object in `raw`, which begins on `line` of the file."""
    here = Record(path, line, {})
    try:
        value = json.loads(raw.decode("utf-8-sig" if line == 1 else "utf-8"))
    except UnicodeDecodeError:
        here.fail("not UTF-8 text; save the file as UTF-8.", "不是 UTF-8 文本，请将文件存为 UTF-8。")
    except json.JSONDecodeError as error:
        at = Record(path, line + error.lineno - 1, {})
        problem = f"{error.msg} at column {error.colno}"
        at.fail(f"not valid JSON: {problem}.", f"不是有效的 JSON：{problem}。")
    except RecursionError:
        here.fail("nested too deeply.", "嵌套过深。")
    if b"\\ud" in raw.lower() and not _can_be_written(value):
        here.fail("holds half a character (\\ud83d and the like).", "含有半个字符（如 \\ud83d）。")
    if not isinstance(value, dict):
        here.fail("not a JSON object.", "不是 JSON 对象。")
    return Record(path, line, value)


def _can_be_written(value: object) -> bool:
    try:
        return bool(json.dumps(value, ensure_ascii=False).encode())
    except UnicodeEncodeError:
        return False


def _line_of(path: Path, fields: Mapping[str, Any]) -> int:
    """The first line of the file that holds one of the texts in `fields`, most telling first; 1 where none is found."""
    whole = path.read_text(encoding="utf-8-sig")
    for value in sorted((value for value in fields.values() if isinstance(value, str)), key=whole.count):
        for form in (json.dumps(value, ensure_ascii=False), json.dumps(value)):
            if (at := whole.find(form)) >= 0:
                return whole.count("\n", 0, at) + 1
    return 1
