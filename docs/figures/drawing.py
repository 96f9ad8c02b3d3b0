"""Boxes, arrows and words as SVG: enough for the drawings of the documentation."""

from __future__ import annotations

from html import escape

FONT = "font-family='Helvetica, Arial, sans-serif'"
INK, PALE = "#1f2937", "#6b7280"
FILLS = {"plain": "#f3f4f6", "green": "#dcfce7", "blue": "#dbeafe", "amber": "#fef3c7"}


class Drawing:
    """A picture of a given size in pixels; every method adds one thing to it."""

    def __init__(self, width: int, height: int, title: str) -> None:
        self.parts = [
            f"<svg xmlns='http://www.w3.org/2000/svg' width='{width}' height='{height}' "
            f"viewBox='0 0 {width} {height}' role='img'>",
            f"<title>{escape(title)}</title>",
            "<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='7' "
            f"markerHeight='7' orient='auto-start-reverse'><path d='M0 0 10 5 0 10z' fill='{INK}'/>"
            "</marker></defs>",
            f"<rect width='{width}' height='{height}' rx='8' fill='#ffffff'/>",
        ]

    def words(
        self, x: float, y: float, text: str, *, size: int = 13, pale: bool = False,
        bold: bool = False, anchor: str = "middle",
    ) -> None:  # fmt: skip
        """One line of text whose baseline is at (x, y)."""
        weight = " font-weight='bold'" if bold else ""
        self.parts.append(
            f"<text x='{x:g}' y='{y:g}' {FONT} font-size='{size}' text-anchor='{anchor}'{weight} "
            f"fill='{PALE if pale else INK}'>{escape(text)}</text>"
        )

    def box(
        self, x: float, y: float, width: float, height: float, lines: list[str],
        *, fill: str = "plain",
    ) -> None:  # fmt: skip
        """A box with a bold first line and smaller ones below it."""
        self.parts.append(
            f"<rect x='{x:g}' y='{y:g}' width='{width:g}' height='{height:g}' rx='6' "
            f"fill='{FILLS[fill]}' stroke='{INK}' stroke-width='1.2'/>"
        )
        top = y + height / 2 - 8 * (len(lines) - 1) + 4
        for i, line in enumerate(lines):
            self.words(x + width / 2, top + 16 * i, line, size=12 if i else 13, bold=not i)

    def arrow(self, *points: tuple[float, float], both: bool = False) -> None:
        """A line through the points with a tip at its end, or at both ends."""
        path = " ".join(f"{x:g},{y:g}" for x, y in points)
        start = " marker-start='url(#tip)'" if both else ""
        self.parts.append(
            f"<polyline points='{path}' fill='none' stroke='{INK}' stroke-width='1.4' "
            f"marker-end='url(#tip)'{start}/>"
        )

    def line(self, x1: float, y1: float, x2: float, y2: float) -> None:
        """A thin grey line."""
        self.parts.append(
            f"<line x1='{x1:g}' y1='{y1:g}' x2='{x2:g}' y2='{y2:g}' stroke='{PALE}' "
            "stroke-width='0.7'/>"
        )

    def text(self) -> str:
        """The SVG file."""
        return "\n".join([*self.parts, "</svg>", ""])
