"""The sheet that is printed and measured: two crosses whose true places are known, rulers along the edges, what to do in words."""

from __future__ import annotations

from html import escape

from . import fonts
from .child import run_limited
from .definition import SIZES

# Papers that certificates are printed on, and how far the crosses stand from the corners.
SHEETS = {"A4": 20, "A5": 15, "A5 landscape": 15, "A6": 12, "A6 landscape": 12}

NAMES = {"A4": "A4", "A5": "A5", "A5 landscape": "A5 横放", "A6": "A6", "A6 landscape": "A6 横放"}


def marks(paper: str) -> dict[str, int]:
    """Where the crosses truly stand, in millimetres from the left and the upper edge."""
    width, height = SIZES[paper]
    inset = SHEETS[paper]
    return {"left": inset, "top": inset, "right": int(width) - inset, "bottom": int(height) - inset}


def sheet(paper: str, printer: str, unit: str, *, corrected: bool) -> bytes:
    """The PDF; the same printer gives the same bytes."""
    # Loading it takes half a second of every start; few processes ever draw.
    from weasyprint import CSS, HTML

    from .renderer import ClosedFetcher

    page = _page(paper, printer, unit, corrected)
    fetcher = ClosedFetcher((), ())

    def draw() -> bytes:
        made: bytes = HTML(string=page, url_fetcher=fetcher).write_pdf(
            stylesheets=[CSS(string=_style(paper), url_fetcher=fetcher)], pdf_identifier=b"calibration-sheet"
        )
        return made

    return run_limited(draw)


def _page(paper: str, printer: str, unit: str, corrected: bool) -> str:
    at = marks(paper)
    crosses = "".join(
        f'<i class="h" style="left:{x - 6}mm;top:{y}mm"></i><i class="v" style="left:{x}mm;top:{y - 6}mm"></i>'
        f'<span class="n" style="left:{x + shift}mm;top:{y + 2}mm">{name}</span>'
        for x, y, name, shift in (
            (at["left"], at["top"], "左上十字", 2),
            (at["right"], at["bottom"], "右下十字", -20),
        )
    )
    what = "检查用：已按现在的校准移动" if corrected else "校准用：没有移动"
    told = (
        f"两个十字应离左边 {at['left']}、{at['right']} 毫米，离上边 {at['top']}、{at['bottom']} 毫米。"
        if corrected
        else "打印时选“实际大小”，不要“适合页面”。用尺从纸边量到十字中心，把四个数填到打印机页面。"
    )
    return (
        '<html lang="zh-CN"><head><title>打印机校准页</title></head><body>'
        f"{_rulers(paper)}{crosses}"
        f'<div class="text"><b>打印机校准页（{escape(NAMES[paper])}）</b><br>{escape(unit)} · {escape(printer)}<br>{what}<br>{told}</div>'
        "</body></html>"
    )


def _rulers(paper: str) -> str:
    """A tick for each millimetre of the first three centimetres of two edges: what the printer cannot reach is seen at once."""
    ticks = []
    for millimetre in range(1, 31):
        length = 5 if millimetre % 10 == 0 else 3 if millimetre % 5 == 0 else 1.5
        ticks.append(f'<i class="v" style="left:{40 + millimetre}mm;top:0;height:{length}mm"></i>')
        ticks.append(f'<i class="h" style="top:{40 + millimetre}mm;left:0;width:{length}mm"></i>')
    return "".join(ticks)


def _style(paper: str) -> str:
    width, height = SIZES[paper]
    stack = ",".join(f"'{family}'" for family in fonts.STACK)
    return f"""
@page {{ size: {width}mm {height}mm; margin: 0 }}
body {{ margin: 0; font: 9pt/1.5 {stack} }}
i {{ position: absolute; background: #000 }}
.h {{ width: 12mm; height: 0.25mm; margin-top: -0.125mm }}
.v {{ width: 0.25mm; height: 12mm; margin-left: -0.125mm }}
.n {{ position: absolute; font-size: 8pt }}
.text {{ position: absolute; left: 32mm; right: 16mm; top: {height * 0.42}mm; text-align: center }}
"""
