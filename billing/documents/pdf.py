"""A document as PDF: one typeface, plain tables, repeated headings, numbered pages."""

from pathlib import Path
from typing import Final, cast

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, TableHeadingsDisplay
from fpdf.fonts import FontFace, TTFFont

from billing.documents.document import Document, Table, moment

FONTS: Final = Path(__file__).with_name("fonts")
FAMILY: Final = "DejaVu"
INK, QUIET, HEAD = (20, 24, 28), (92, 99, 106), (238, 240, 242)
LABEL_WIDTH: Final = 42
# What the typeface lacks is shown as this, rather than as nothing.
MISSING: Final = "\N{REPLACEMENT CHARACTER}"


class Sheet(FPDF):
    """Pages with the document's name and their number below."""

    def __init__(self, document: Document, *, issuer: str) -> None:
        super().__init__(format="A4")
        self.document, self.issuer = document, issuer
        self.add_font(FAMILY, "", FONTS / "DejaVuSans.ttf")
        self.add_font(FAMILY, "B", FONTS / "DejaVuSans-Bold.ttf")
        self.drawn = frozenset(cast(TTFFont, self.fonts[FAMILY.lower()]).cmap)
        self.set_creation_date(document.made_at)
        self.set_title(self.shown(document.title))
        self.set_lang("en")
        self.set_auto_page_break(True, margin=18)
        self.add_page()

    def footer(self) -> None:
        """Name the document and count the page."""
        self.set_y(-14)
        self._face(7, QUIET)
        self.cell(0, 4, self.shown(f"{self.document.title} · {self.issuer}"))
        self.set_x(self.l_margin)
        self.cell(0, 4, f"{self.page_no()} / {{nb}}", align="R")

    def shown(self, text: str) -> str:
        """Replace what the typeface cannot draw."""
        return "".join(one if one == "\n" or ord(one) in self.drawn else MISSING for one in text)

    def face(self, size: float, *, bold: bool = False, quiet: bool = False) -> None:
        """Set size, weight and colour of what follows."""
        self._face(size, QUIET if quiet else INK, "B" if bold else "")

    def _face(self, size: float, colour: tuple[int, int, int], style: str = "") -> None:
        self.set_font(FAMILY, style, size)
        self.set_text_color(*colour)


def render(document: Document, *, issuer: str) -> bytes:
    """Draw a document; ``issuer`` names the market on each page."""
    sheet = Sheet(document, issuer=issuer)
    sheet.face(17, bold=True)
    sheet.multi_cell(0, 9, sheet.shown(document.title), new_x="LMARGIN", new_y="NEXT")
    sheet.face(8, quiet=True)
    sheet.cell(
        0,
        5,
        sheet.shown(f"{issuer}, made {moment(document.made_at)}"),
        new_x="LMARGIN",
        new_y="NEXT",
    )
    sheet.ln(4)
    for label, text in document.facts:
        _fact(sheet, label, text)
    for table in document.tables:
        _table(sheet, table)
    sheet.ln(4)
    for note in document.notes:
        sheet.face(8, quiet=True)
        sheet.multi_cell(0, 4.4, sheet.shown(note), new_x="LMARGIN", new_y="NEXT")
    return bytes(sheet.output())


def _fact(sheet: Sheet, label: str, text: str) -> None:
    sheet.face(8.5, quiet=True)
    sheet.cell(LABEL_WIDTH, 5, sheet.shown(label))
    sheet.face(8.5)
    sheet.multi_cell(0, 5, sheet.shown(text), new_x="LMARGIN", new_y="NEXT")


def _table(sheet: Sheet, table: Table) -> None:
    sheet.ln(5)
    sheet.face(10.5, bold=True)
    sheet.cell(0, 7, sheet.shown(table.title), new_x="LMARGIN", new_y="NEXT")
    sheet.face(7.5)
    sheet.set_draw_color(200)
    with sheet.table(
        col_widths=tuple(column.width for column in table.columns),
        text_align=tuple("RIGHT" if column.number else "LEFT" for column in table.columns),
        borders_layout=TableBordersLayout.HORIZONTAL_LINES,
        headings_style=FontFace(emphasis="BOLD", fill_color=HEAD, color=INK),
        repeat_headings=TableHeadingsDisplay.ON_TOP_OF_EVERY_PAGE,
        line_height=4.4,
        padding=(0.6, 1),
    ) as drawn:
        drawn.row([sheet.shown(column.title) for column in table.columns])
        for number, cells in enumerate(table.rows, start=1):
            last = table.totalled and number == len(table.rows)
            style = FontFace(emphasis="BOLD") if last else None
            drawn.row([sheet.shown(cell) for cell in cells], style=style)
