"""A definition as a picture: the usual way in one line, detours beside it, and the way one thing has gone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from process import svg
from process.definition import Definition, State
from process.drawing_plan import Box, Bus, Plan, anchors_of, plan_of, spread, tracks

INK, SECOND, EDGE, LINE, CARD = "#1F2328", "#57606A", "#848D97", "#D8DEE4", "#FFFFFF"
DONE, DONE_TINT, NOW, NOW_TINT = "#1A7F37", "#EEF9F1", "#0B5CAD", "#E6F0FA"
STATE_SIZE, LABEL_SIZE = 13.0, 12.0
STAYING_SIZE, STAYING_LINE = 11.0, 14.0
MARGIN = 16.0


def draw(
    definition: Definition,
    *,
    locale: str = "zh_Hans_CN",
    visited: Sequence[str] = (),
    current: State | str | None = None,
    vertical: bool = False,
) -> str:
    """The definition as SVG; states in `visited` are ticked, `current` is marked. `vertical` fits a phone."""
    plan = plan_of(definition, locale, visited, current)
    return _vertical(plan) if vertical else _horizontal(plan)


def _horizontal(plan: Plan) -> str:
    usual = [b for b in plan.boxes.values() if b.usual]
    detours = [b for b in plan.boxes.values() if not b.usual]
    columns = max(len(usual), len(detours), 1)
    cell = min(max(1232.0 / columns, 112.0), 208.0)
    gap = min(max(cell * 0.24, 26.0), 72.0)
    labels = {t.id: svg.wrap(plan.title(t), cell - 8, LABEL_SIZE) for t, _, _ in plan.steps}
    top = MARGIN + max((len(lines) for lines in labels.values()), default=0) * 15 + 10
    high = (
        52.0
        + (8.0 if plan.loops else 0.0)
        + max((_height(_staying(plan, state, cell - gap)) for state in plan.loops), default=0.0)
    )
    for index, box in enumerate(usual):
        box.x, box.y, box.w, box.h = MARGIN + index * cell, top, cell - gap, high
    anchors, order, taken = anchors_of(plan), [b.state.id for b in usual], set()
    for box in detours:
        wish = order.index(anchors[box.state.id]) if anchors[box.state.id] in order else 0
        free = min((c for c in range(columns) if c not in taken), key=lambda c: (abs(c - wish), -c))
        taken.add(free)
        box.x, box.w, box.h = MARGIN + free * cell, cell - gap, high
    spread(plan, along="x")
    names = [plan.title(bus.transition) for bus in plan.buses]
    reach = {i: _stretch(bus, svg.width_of(names[i], LABEL_SIZE)) for i, bus in enumerate(plan.buses)}
    rows = tracks(plan, reach)
    channel = top + high + 24
    below = channel + rows * 24 + 12
    for box in detours:
        box.y = below
    width = MARGIN * 2 + columns * cell - gap
    height = (below + high if detours else channel + rows * 24) + MARGIN
    parts: list[str] = []
    marks: list[str] = []
    for bus, name, span in zip(plan.buses, names, (reach[i] for i in range(len(names))), strict=True):
        y = channel + bus.track * 24 + 8
        went_any = any(plan.went(s, bus.target) for s in bus.sources)
        for source in sorted(bus.sources, key=lambda s: plan.went(s, bus.target)):
            went = plan.went(source, bus.target)
            x0, x1 = bus.ports[(source, False)], bus.ports[(bus.target, True)]
            parts.append(
                _edge(
                    [(x0, _side(plan, source)), (x0, y), (x1, y), (x1, _side(plan, bus.target))],
                    went,
                    "up" if plan.boxes[bus.target].usual else "down",
                )
            )
        marks.append(
            svg.text(
                [name],
                span[0] + 6,
                y - 9,
                size=LABEL_SIZE,
                fill=DONE if went_any else SECOND,
                anchor="start",
                class_="wf-label",
                halo=True,
            )
        )
    for transition, source, target in plan.steps:
        a, b = plan.boxes[source], plan.boxes[target]
        went = plan.went(source, target)
        parts.append(_edge([(a.x + a.w, a.cy), (b.x, b.cy)], went, "right"))
        lines = labels[transition.id]
        marks.append(
            svg.text(
                lines,
                (a.x + a.w + b.x) / 2,
                top - 8 - len(lines) * 7.5,
                size=LABEL_SIZE,
                fill=DONE if went else INK,
                class_="wf-label",
                halo=True,
            )
        )
    return _sheet(plan, width, height, [*parts, *marks, *(_state(plan, b) for b in plan.boxes.values())], "h")


def _stretch(bus: Bus, name: float) -> tuple[float, float]:
    low, high = min(bus.ports.values()), max(bus.ports.values())
    return low, max(high, low + name + 12)


def _side(plan: Plan, state: str) -> float:
    """Where lines leave a box: below the usual way, above a detour."""
    box = plan.boxes[state]
    return box.y + box.h if box.usual else box.y


def _vertical(plan: Plan) -> str:
    anchors = anchors_of(plan)
    order: list[str] = []
    for state, box in plan.boxes.items():
        if box.usual:
            order += [state, *(d for d, b in plan.boxes.items() if not b.usual and anchors[d] == state)]
    order += [state for state in plan.boxes if state not in order]
    ports = {state: sum(1 for bus in plan.buses for s, _ in bus.ends() if s == state) for state in plan.boxes}
    step_labels = {t.id: svg.wrap(plan.title(t), 150, LABEL_SIZE, 2) for t, _, _ in plan.steps}
    left, right, wide = 12.0, 270.0, 108.0
    y = MARGIN
    for state in order:
        box = plan.boxes[state]
        box.x, box.y, box.w, box.h = (
            (left if box.usual else right),
            y,
            wide,
            max(
                (54.0 if state in plan.loops else 46.0) + _height(_staying(plan, state, wide)), ports[state] * 24.0 + 6
            ),
        )
        y += box.h + 36.0
    height = y - 36.0 + MARGIN
    spread(plan, along="y")
    reach = {i: (min(bus.ports.values()), max(bus.ports.values())) for i, bus in enumerate(plan.buses)}
    rows = max(tracks(plan, reach), 1)
    inner, outer = left + wide + 26, right - 18
    pitch = min(16.0, (outer - inner) / rows)
    parts: list[str] = []
    marks: list[str] = []
    for bus in plan.buses:
        x = (outer - bus.track * pitch) if rows < 3 else (inner + (outer - inner) * (bus.track + 0.5) / rows)
        went_any = any(plan.went(s, bus.target) for s in bus.sources)
        for source in sorted(bus.sources, key=lambda s: plan.went(s, bus.target)):
            went = plan.went(source, bus.target)
            y0, y1 = bus.ports[(source, False)], bus.ports[(bus.target, True)]
            parts.append(
                _edge(
                    [(_flank(plan, source), y0), (x, y0), (x, y1), (_flank(plan, bus.target), y1)],
                    went,
                    "left" if plan.boxes[bus.target].usual else "right",
                )
            )
        first = plan.boxes[bus.sources[0]]
        marks.append(
            svg.text(
                [plan.title(bus.transition)],
                first.x + first.w + 5 if first.usual else first.x - 5,
                bus.ports[(bus.sources[0], False)] - 8,
                size=LABEL_SIZE,
                fill=DONE if went_any else SECOND,
                anchor="start" if first.usual else "end",
                class_="wf-label",
                halo=True,
            )
        )
    for transition, source, target in plan.steps:
        a, b = plan.boxes[source], plan.boxes[target]
        went = plan.went(source, target)
        parts.append(_edge([(a.cx - 30, a.y + a.h), (a.cx - 30, b.y)], went, "down"))
        marks.append(
            svg.text(
                step_labels[transition.id],
                a.cx - 22,
                b.y - 18,
                size=LABEL_SIZE,
                fill=DONE if went else INK,
                anchor="start",
                class_="wf-label",
                halo=True,
            )
        )
    return _sheet(plan, 390.0, height, [*parts, *marks, *(_state(plan, b) for b in plan.boxes.values())], "v")


def _flank(plan: Plan, state: str) -> float:
    box = plan.boxes[state]
    return box.x + box.w if box.usual else box.x


def _edge(points: list[tuple[float, float]], went: bool, towards: str) -> str:
    class_ = "wf-edge wf-edge--done" if went else "wf-edge"
    stroke = DONE if went else EDGE
    dx, dy = {"right": (-6, 0), "left": (6, 0), "down": (0, -6), "up": (0, 6)}[towards]
    tip = points[-1]
    shortened = [*points[:-1], (tip[0] + dx, tip[1] + dy)]
    return svg.line(shortened, stroke=stroke, width=2.4 if went else 1.3, class_=class_) + svg.head(
        tip, towards, fill=stroke, class_=class_
    )


def _state(plan: Plan, box: Box) -> str:
    now = box.state.id == plan.current
    done = not now and box.state.id in plan.visited
    finished = now and box.state.terminal
    kind = "now" if now else "done" if done else "todo"
    stroke, tint, ink = {
        "now": (NOW, NOW_TINT, INK),
        "done": (DONE, DONE_TINT, INK),
        "todo": (EDGE, CARD, SECOND if plan.current else INK),
    }[kind]
    if finished:
        stroke, tint = DONE, DONE_TINT
    lines = svg.wrap(plan.title(box.state), box.w - 14, STATE_SIZE, 4 if box.h > 70 else 3)
    shapes = [
        svg.tag(
            "rect",
            x=box.x,
            y=box.y,
            width=box.w,
            height=box.h,
            rx=6,
            fill=tint,
            stroke=stroke,
            stroke_width=2.6 if now else 1.4,
            stroke_dasharray=None if box.usual or now or done else "5 3",
        )
    ]
    if box.state.terminal:
        # The double frame is the old sign for an end.
        shapes.append(
            svg.tag(
                "rect",
                x=box.x + 3.5,
                y=box.y + 3.5,
                width=box.w - 7,
                height=box.h - 7,
                rx=3.5,
                fill="none",
                stroke=stroke,
                stroke_width=0.9,
            )
        )
    size = STATE_SIZE if len(lines) < 3 else 12.0
    staying = _staying(plan, box.state.id, box.w)
    lift = _height(staying) / 2
    shapes.append(
        svg.text(lines, box.cx, box.cy - lift, size=size, fill=ink, weight="700" if now else None, class_="wf-title")
    )
    y = box.cy - lift + len(lines) * 8 + 8
    for named in staying:
        middle = y + _height([named]) / 2 - STAYING_LINE / 2
        shapes.append(svg.text(named, box.cx, middle, size=STAYING_SIZE, fill=SECOND, class_="wf-label"))
        y += _height([named])
    if done or finished:
        shapes.append(_badge(box, DONE, "M-3.6 0.2L-1 2.8L3.8 -2.6"))
    elif now:
        shapes.append(_badge(box, NOW, None))
    return svg.tag("g", "".join(shapes), class_=f"wf-state wf-state--{kind}")


def _staying(plan: Plan, state: str, width: float) -> list[list[str]]:
    """Steps that stay in a state are named inside its box, each in lines of its own."""
    return [svg.wrap(f"↻ {plan.title(t)}", width - 10, STAYING_SIZE) for t in plan.loops.get(state, [])]


def _height(names: list[list[str]]) -> float:
    return sum(len(lines) for lines in names) * STAYING_LINE


def _badge(box: Box, fill: str, tick: str | None) -> str:
    x, y = box.x + box.w - 3, box.y + 3
    disc = svg.tag("circle", cx=x, cy=y, r=8, fill=fill, stroke=CARD, stroke_width=1.5)
    if tick is None:
        return disc + svg.tag("circle", cx=x, cy=y, r=3, fill=CARD)
    return disc + svg.tag(
        "path",
        d=tick,
        fill="none",
        stroke=CARD,
        stroke_width=1.8,
        stroke_linecap="round",
        stroke_linejoin="round",
        transform=f"translate({x:.1f} {y:.1f})",
    )


def _sheet(plan: Plan, width: float, height: float, parts: Iterable[str], variant: str) -> str:
    named = f"wf-{plan.definition.id}-{variant}"
    heading = svg.tag("title", svg.escape(plan.definition.title.text(plan.locale)), id=f"{named}-t") + svg.tag(
        "desc", svg.escape(_told(plan)), id=f"{named}-d"
    )
    body = svg.tag("g", "".join(parts), font_family=svg.FONT)
    return svg.tag(
        "svg",
        heading + body,
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {width:.0f} {height:.0f}",
        width=round(width),
        height=round(height),
        role="img",
        aria_labelledby=f"{named}-t {named}-d",
        class_=f"wf-drawing wf-drawing--{variant}",
    )


def _told(plan: Plan) -> str:
    """The picture in words, for whoever hears it read."""
    english = plan.locale.startswith("en")
    names = {s: plan.title(box.state) for s, box in plan.boxes.items()}
    usual = " → ".join(names[s] for s, box in plan.boxes.items() if box.usual)
    told = [f"The usual way: {usual}." if english else f"通常的步骤：{usual}。"]
    aside = ("; " if english else "；").join(
        f"{plan.title(b.transition)}: {', '.join(names[s] for s in b.sources)} → {names[b.target]}"
        if english
        else f"{plan.title(b.transition)}：{'、'.join(names[s] for s in b.sources)} → {names[b.target]}"
        for b in plan.buses
    )
    if aside:
        told.append(f"Also: {aside}." if english else f"此外：{aside}。")
    if plan.current:
        before = [names[s] for s in plan.visited if s != plan.current]
        gone = " → ".join([*before, names[plan.current]])
        told.append(f"Gone so far: {gone} (now)." if english else f"已走过：{gone}（现在）。")
    return " ".join(told) if english else "".join(told)
