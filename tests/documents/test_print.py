"""What is printed otherwise than upright: turned, tilted, raised; and what repeats from page to page."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas

from rag.documents.build import build
from rag.documents.readers import Source

WIDTH, HEIGHT = A4
LINES = [f"Line {n}: exports to Asia rose by {n} percent last year." for n in range(6)]


def text_of(*pages: Callable[[Any], None], turned: int = 0) -> str:
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for draw in pages:
        draw(canvas)
        canvas.setPageRotation(turned)
        canvas.showPage()
    canvas.save()
    (document,) = build(Source("a.pdf", out.getvalue())).documents
    return document.text


def lines(canvas: Any) -> None:
    for n, line in enumerate(LINES):
        canvas.drawString(60, HEIGHT - 80 - n * 16, line)


def on_its_side(canvas: Any) -> None:
    canvas.rotate(90)
    for n, line in enumerate(LINES):
        canvas.drawString(60, -80 - n * 16, line)


@pytest.mark.parametrize(("draw", "turned"), [(lines, 0), (lines, 90), (on_its_side, 0), (on_its_side, 90)])
def test_text_is_read_as_it_stands_itself(draw: Callable[[Any], None], turned: int) -> None:
    assert text_of(draw, turned=turned) == "\n".join(LINES)


def test_a_watermark_is_no_text_and_what_stands_in_the_margin_comes_last() -> None:
    def stamped(canvas: Any) -> None:
        lines(canvas)
        canvas.saveState()
        canvas.rotate(90)
        canvas.drawString(300, -30, "A label in the margin of the page.")
        canvas.restoreState()
        canvas.translate(100, 700)
        canvas.rotate(40)
        canvas.drawString(0, 0, "INTERNAL 0123")

    assert text_of(stamped) == "\n".join([*LINES, "A label in the margin of the page."])


def test_a_raised_figure_is_no_digit_of_the_number_before_it() -> None:
    def raised(canvas: Any) -> None:
        text = canvas.beginText(60, HEIGHT - 80)
        said = (("1373", 0), ("2", 4), (" cars, 3x10", 0), ("8", 4), (" bolts, CO", 0), ("2", -2), (" fell.", 0))
        for part, rise in said:
            text.setFont("Helvetica", 7 if rise else 11)
            text.setRise(rise)
            text.textOut(part)
        canvas.drawText(text)

    assert text_of(raised) == "1373² cars, 3x10⁸ bolts, CO2 fell."


def test_figures_at_the_head_of_pages_are_no_page_numbers() -> None:
    def page(number: int, figure: str) -> Callable[[Any], None]:
        def draw(canvas: Any) -> None:
            canvas.drawString(60, HEIGHT - 40, "Report of the works")
            canvas.drawString(60, HEIGHT - 70, f"Revenue of {2021 + number}: {figure} million.")
            for n in range(4):
                canvas.drawString(60, HEIGHT - 110 - n * 16, f"Sentence {number}.{n} tells of the plant.")
            canvas.drawString(280, 40, f"- {number} / 2 -")

        return draw

    text = text_of(page(1, "100"), page(2, "120"))
    assert "Revenue of 2022: 100 million." in text
    assert "Revenue of 2023: 120 million." in text
    assert "Report of the works" not in text
    assert "/ 2" not in text
