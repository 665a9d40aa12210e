"""Sections as tables for the terminal, in Markdown and as a picture of what the stages cost."""

from collections.abc import Sequence
from html import escape

from rich.console import Console
from rich.table import Table

from scripts.measure.speed.turns import Section

_COLOURS = ("#4878a8", "#e1812c", "#3a923a", "#c03d3e", "#9372b2", "#845b53", "#d684bd", "#7f7f7f")
_WIDTH, _BAR, _LEFT = 760, 26, 130  # of the picture, of a bar, where bars begin


def terminal(sections: Sequence[Section]) -> None:
    console = Console()
    for one in sections:
        table = Table(title=one.title)
        head, *rows = _rows(one)
        for place, name in enumerate(head):
            table.add_column(name, justify="right" if place else "left")
        for row in rows:
            table.add_row(*row)
        console.print(table)
        for line in _lines(one):
            console.print(line)


def markdown(sections: Sequence[Section]) -> str:
    return "\n\n".join(map(_section, sections)) + "\n"


def _section(one: Section) -> str:
    head, *rows = _rows(one)
    table = [head, ("---", *("--:" for _ in head[1:])), *rows]
    lines = [f"| {' | '.join(row)} |" for row in table]
    return "\n\n".join([f"{one.title}.", "\n".join(lines), *_lines(one)])


def _rows(one: Section) -> list[tuple[str, ...]]:
    """Head, then a row an engine; figures that an engine lacks stay empty."""
    names = list(dict.fromkeys(name for row in one.rows for name in row.figures))
    found = [(row.engine, *(figure(row.figures[n]) if n in row.figures else "" for n in names)) for row in one.rows]
    return [("", *names), *found]


def _lines(one: Section) -> list[str]:
    lines = []
    if one.ratios:
        told = (f"{name} {figure(value)}" for name, value in one.ratios.items())
        lines.append(f"Ratio to the reference, median of the turns: {', '.join(told)}.")
    if one.costs:
        whole = sum(one.costs.values())
        told = (f"{stage} {figure(ms)} ({ms / whole:.0%})" for stage, ms in one.costs.items())
        lines.append(f"Milliseconds a {one.per}: {', '.join(told)}.")
    return lines


def figure(value: float) -> str:
    """Three digits that mean something: 7,790, 98.6, 3.07, 0.177."""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def picture(sections: Sequence[Section]) -> str:
    """An SVG: a bar for each section that knows its costs, cut by stage, each as long as the others."""
    known = [one for one in sections if one.costs]
    parts = [part for place, one in enumerate(known) for part in _bar(one, 2 * place * _BAR + _BAR)]
    height = 2 * len(known) * _BAR + _BAR // 2
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'font-family="sans-serif" font-size="11">',
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *parts,
            "</svg>\n",
        ]
    )


def _bar(one: Section, top: int) -> list[str]:
    whole = sum(one.costs.values())
    parts = [
        f'<text x="4" y="{top + 11}">{escape(one.name)}</text>',
        f'<text x="4" y="{top + 23}" fill="#666">{figure(whole)} ms a {escape(one.per)}</text>',
    ]
    left = float(_LEFT)
    for (stage, ms), colour in zip(one.costs.items(), _COLOURS, strict=False):
        wide = (_WIDTH - _LEFT - 10) * ms / whole
        name = f"{stage} {figure(ms)}"
        parts.append(
            f'<rect x="{left:.1f}" y="{top}" width="{wide:.1f}" height="{_BAR}" fill="{colour}">'
            f"<title>{escape(name)} ms</title></rect>"
        )
        if wide > 6 * len(name):
            parts.append(f'<text x="{left + 3:.1f}" y="{top + 17}" fill="#fff">{escape(name)}</text>')
        left += wide
    return parts
