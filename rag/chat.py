"""`rag chat`: questions line by line, from a terminal or a pipe, each read together with those before it."""

import io
import sys
from collections.abc import Iterator
from contextlib import suppress

from rag.console import Screen, message_language
from rag.errors import QuestionError
from rag.types import Asks, Filter, Turn

_PROMPT = "> "


def chat(assistant: Asks, language: str, filters: Filter | None = None) -> None:
    """Answer until the input ends or says /quit. `language` is the setting, "auto", "zh" or "en".

    A question is remembered as it was understood, so that the next one follows what was shown.
    """
    history: list[Turn] = []
    _help(Screen(message_language(language)))
    for line in _lines():
        screen = Screen(message_language(language, line))
        if line in ("/quit", "/exit"):
            return
        if line == "/new":
            history.clear()
            Screen(message_language(language)).say("A new conversation.", "新对话开始。", "dim")
        elif line.startswith("/"):
            _help(Screen(message_language(language)))
        else:
            try:
                answer = assistant.ask(line, history, filters=filters)
            except QuestionError as error:
                print(error.message(message_language(language, line)), file=sys.stderr)
                continue
            screen.answer(answer)
            history += [Turn("user", answer.standalone_question), Turn("assistant", answer.text)]
        print()


def _help(screen: Screen) -> None:
    screen.say(
        "Ask, and ask further; /new starts over, /quit ends.",
        "请提问，也可以接着追问；/new 重新开始，/quit 退出。",
        "dim",
    )


def _lines() -> Iterator[str]:
    """What is asked, without empty lines; each is echoed where no terminal shows it."""
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")
    terminal = sys.stdin.isatty()
    if terminal:
        with suppress(ImportError):  # Windows has its own
            import readline  # noqa: F401  # arrow keys and earlier questions
    while True:
        try:
            line = input(_PROMPT if terminal else "").strip()
        except (EOFError, KeyboardInterrupt):
            if terminal:
                print()
            return
        if line:
            if not terminal:
                print(f"{_PROMPT}{line}", flush=True)
            yield line
