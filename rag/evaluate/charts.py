"""The report's charts as inline SVG: no script, no request, colours from the page's own style.

Points are (x, y) in [0, 1]; the canvas is 360 x 230 and scales with its column.
"""

from collections.abc import Mapping, Sequence

from markupsafe import Markup, escape

from rag.evaluate.statistics import Estimate, ReliabilityBin

_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 346, 14, 184

Point = tuple[float, float]
Tick = tuple[float, str]


def recall_chart(recall: Sequence[tuple[int, Estimate]], x_label: str, y_label: str) -> Markup:
    """Recall over k, the k evenly spaced, with its 95 % band. The axis starts below the lowest value, not at 0."""
    known = [(k, estimate) for k, estimate in recall if estimate.n]
    floor = max(0.0, int(min((estimate.low for _, estimate in known), default=0.0) * 10) / 10)
    xs = [i / max(1, len(known) - 1) for i in range(len(known))]

    def points(values: Sequence[float]) -> list[Point]:
        return [(x, (value - floor) / (1 - floor or 1)) for x, value in zip(xs, values, strict=True)]

    middle = points([estimate.value for _, estimate in known])
    band = points([estimate.high for _, estimate in known]) + points([estimate.low for _, estimate in known])[::-1]
    labels = [f"{estimate.value:.1%}" for _, estimate in known]
    labels[-2:-1] = [""] if len(labels) > 2 else labels[-2:-1]  # it would run into the last one
    return _chart(
        [(x, str(k)) for x, (k, _) in zip(xs, known, strict=True)],
        [(step / 4, f"{floor + (1 - floor) * step / 4:.0%}") for step in range(5)],
        x_label,
        y_label,
        [_area(band), _line(middle), *map(_dot, middle), *(_value(p, t) for p, t in zip(middle, labels, strict=True))],
    )


def risk_chart(curve: Sequence[Point], x_label: str, y_label: str) -> Markup:
    """Share of wrong answers over the share of questions answered, most confident first; the dot is the run itself."""
    top = min(1.0, max(0.1, int(max((risk for _, risk in curve), default=0.0) * 10 + 1) / 10))
    points = [(coverage, risk / top) for coverage, risk in curve]
    marks = [_line(points)]
    if curve:
        marks += [_dot(points[-1]), _value(points[-1], f"{curve[-1][1]:.1%}")]
    y_ticks = [(step / 4, f"{top * step / 4:.1%}".replace(".0%", "%")) for step in range(5)]
    return _chart(_percent_ticks(), y_ticks, x_label, y_label, marks)


def reliability_chart(bins: Sequence[ReliabilityBin], x_label: str, y_label: str) -> Markup:
    """Share of right answers over confidence, on the diagonal where they agree; larger dots are more answers."""
    most = max((one.n for one in bins), default=1)
    points = [(one.confidence, one.accuracy) for one in bins]
    dots = [_dot(p, 2.5 + 5 * (one.n / most) ** 0.5, f"n = {one.n}") for p, one in zip(points, bins, strict=True)]
    diagonal = _line([(0, 0), (1, 1)], "diagonal")
    return _chart(_percent_ticks(), _percent_ticks(), x_label, y_label, [diagonal, _line(points), *dots])


def latency_chart(stages: Mapping[str, Mapping[str, float]]) -> Markup:
    """One row a stage: a bar to p50, a line on to p95 and p99, in milliseconds."""
    most = max((points["p99"] for points in stages.values()), default=0.0) or 1.0
    row, left, right = 30, 110, 300
    rows: list[Markup] = []
    for i, (stage, points) in enumerate(stages.items()):
        y = 16 + i * row
        p50, p95, p99 = (left + (right - left) * points[name] / most for name in ("p50", "p95", "p99"))
        whisker = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}" class="whisker"/>')
        name = Markup('<text x="{}" y="{}" class="end">{}</text>').format(left - 8, y + 4, stage)
        bar = Markup('<rect x="{}" y="{}" width="{:.1f}" height="12" class="bar"/>')
        value = Markup('<text x="{:.1f}" y="{}">{}</text>').format(p99 + 6, y + 4, milliseconds(points["p50"]))
        tails = [(p50, p99, y, y), (p95, p95, y - 5, y + 5), (p99, p99, y - 3, y + 3)]
        rows += [name, bar.format(left, y - 6, max(1.0, p50 - left)), *(whisker.format(*t) for t in tails), value]
    height = 16 + len(stages) * row
    return Markup('<svg viewBox="0 0 360 {}" role="img">{}</svg>').format(height, Markup().join(rows))


def milliseconds(value: float) -> str:
    """`5.4 ms`, `54 ms`, `1.2 s`."""
    if value >= 1000:
        return f"{value / 1000:.1f} s"
    return f"{value:.1f} ms" if value < 10 else f"{value:.0f} ms"


def interval(estimate: Estimate) -> Markup:
    """A value on a 0..1 scale with its interval as a line through it."""
    if not estimate.n:
        return Markup()
    low, value, high = (2 + 96 * min(1.0, max(0.0, at)) for at in (estimate.low, estimate.value, estimate.high))
    return Markup(
        '<svg viewBox="0 0 100 12" class="interval" aria-hidden="true">'
        '<line x1="2" x2="98" y1="6" y2="6" class="grid"/>'
        '<rect x="{:.1f}" y="3" width="{:.1f}" height="6" class="range"/>'
        '<rect x="{:.1f}" y="1" width="2" height="10" class="at"/></svg>'
    ).format(low, high - low, value - 1)


# --- parts -------------------------------------------------------------------------------------------------------


def _chart(
    x_ticks: Sequence[Tick], y_ticks: Sequence[Tick], x_label: str, y_label: str, marks: Sequence[Markup]
) -> Markup:
    grid = [
        Markup('<line x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>').format(_LEFT, _RIGHT, y=_y(at))
        + Markup('<text x="{}" y="{:.1f}" class="end">{}</text>').format(_LEFT - 6, _y(at) + 4, text)
        for at, text in y_ticks
    ]
    below = [
        Markup('<text x="{:.1f}" y="{}" class="middle">{}</text>').format(_x(at), _BOTTOM + 17, text)
        for at, text in x_ticks
    ]
    names = Markup('<text x="{}" y="222" class="middle">{}</text>').format((_LEFT + _RIGHT) / 2, x_label)
    return Markup('<svg viewBox="0 0 360 230" role="img" aria-label="{} / {}">{}</svg>').format(
        y_label, x_label, Markup().join([*grid, *below, names, *marks])
    )


def _percent_ticks() -> list[Tick]:
    return [(step / 4, f"{step / 4:.0%}") for step in range(5)]


def _x(at: float) -> float:
    return _LEFT + (_RIGHT - _LEFT) * at


def _y(at: float) -> float:
    return _BOTTOM - (_BOTTOM - _TOP) * at


def _points(points: Sequence[Point]) -> str:
    return " ".join(f"{_x(x):.1f},{_y(y):.1f}" for x, y in points)


def _line(points: Sequence[Point], name: str = "curve") -> Markup:
    return Markup('<polyline points="{}" class="{}"/>').format(_points(points), name)


def _area(points: Sequence[Point]) -> Markup:
    return Markup('<polygon points="{}" class="band"/>').format(_points(points))


def _dot(point: Point, radius: float = 3.5, title: str = "") -> Markup:
    dot = Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"><title>{}</title></circle>')
    return dot.format(_x(point[0]), _y(point[1]), radius, escape(title))


def _value(point: Point, text: str) -> Markup:
    """A number at a dot: below a curve that rises, unless the bottom is near; pulled inward at the right edge."""
    x, y = _x(point[0]), _y(point[1])
    anchor = "end" if point[0] > 0.92 else "start" if point[0] < 0.05 else "middle"
    return Markup('<text x="{:.1f}" y="{:.1f}" class="{} number">{}</text>').format(
        x, y - 9 if y > _BOTTOM - 24 else y + 17, anchor, text
    )
