"""The list that all views are drawn in: titles that stay, rows that scroll, one of them chosen.

Only the lines that the screen shows are drawn: two thousand servers cost no more than twenty.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, ClassVar, Literal

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from styxy.client.terminal.table import GAP, Column, Fitted, Row, fitted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.style import Style
    from textual import events

    from styxy.client.terminal.table import Tone

TITLES = 1
"""Lines above the rows."""

ELLIPSIS = "…"

SHORTEST_NAME = 20
"""Characters of a heading's first text that are shown on the narrowest terminal."""


class Rows(ScrollView, can_focus=True):
    """Shows rows under titles, and lets one be chosen."""

    DEFAULT_CSS = """
    Rows { height: 1fr; overflow-x: hidden; scrollbar-size-vertical: 1; }
    Rows > .rows--titles { text-style: bold dim; }
    Rows > .rows--heading { text-style: bold; }
    Rows > .rows--dim { text-style: dim; }
    Rows > .rows--good { color: ansi_green; }
    Rows > .rows--warning { color: ansi_yellow; }
    Rows > .rows--bad { color: ansi_red; text-style: bold; }
    Rows > .rows--chosen { text-style: reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "rows--titles", "rows--heading", "rows--dim", "rows--good", "rows--warning", "rows--bad",
        "rows--chosen",
    }  # fmt: skip
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "Up", show=False),
        Binding("down,j", "move(1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Page up", show=False),
        Binding("pagedown", "page(1)", "Page down", show=False),
        Binding("home", "ends(-1)", "First", show=False),
        Binding("end", "ends(1)", "Last", show=False),
        # Here, because the screen would take Tab for the next thing that can be focused.
        Binding("tab,right,l", "app.next_view(1)", "Next view", show=False),
        Binding("shift+tab,left,h", "app.next_view(-1)", "Previous view", show=False),
    ]

    class Opened(Message):
        """A row was clicked that had been chosen before."""

    def __init__(self, *, id: str) -> None:
        super().__init__(id=id)
        self._columns: Sequence[Column] = ()
        self._rows: list[Row] = []
        self._fitted: list[Fitted] = []
        self._at = 0
        self.empty = ""

    @property
    def chosen(self) -> Row | None:
        """The chosen row; None if there is none to choose."""
        row = self._rows[self._at] if self._at < len(self._rows) else None
        return None if row is None or row.is_heading else row

    @property
    def shown(self) -> list[Row]:
        """All rows, those beyond the screen, too."""
        return self._rows

    def put(self, columns: Sequence[Column], rows: list[Row]) -> None:
        """Replace what is shown; the chosen row stays chosen if it is still there."""
        before = self.chosen
        is_same = columns is self._columns
        self._columns, self._rows = columns, rows
        if not is_same:
            self._at = 0
            self.scroll_to(y=0, animate=False, force=True)
        self._at = self._place_of(before.key if before and is_same else None)
        self._lay()

    def _place_of(self, key: str | None) -> int:
        """Find a row again, or else the next that can be chosen from where it was."""
        if key is not None:
            near = self._rows[self._at].key if self._at < len(self._rows) else None
            if near == key:
                return self._at
            for at, row in enumerate(self._rows):
                if row.key == key:
                    return at
        return self._next_from(min(self._at, len(self._rows) - 1), 1)

    def _next_from(self, at: int, step: int) -> int:
        """Find the next row that can be chosen in one direction, else in the other."""
        forwards = range(at, len(self._rows) if step > 0 else -1, step)
        backwards = range(at, -1 if step > 0 else len(self._rows), -step)
        for place in chain(forwards, backwards):
            if 0 <= place < len(self._rows) and not self._rows[place].is_heading:
                return place
        return 0

    def _lay(self) -> None:
        self.virtual_size = Size(0, len(self._rows) + TITLES)  # which may need a scroll bar
        width = max(1, self.scrollable_content_region.width)
        self._fitted = fitted(self._columns, width) if self._columns else []
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        """Lay the columns out for another width."""
        self._lay()
        self._follow()

    # --- choosing --------------------------------------------------------------------------------

    def action_move(self, step: int) -> None:
        """Choose the next row, or the one before."""
        self._choose(self._at + step, step)

    def action_page(self, step: int) -> None:
        """Choose the row a screen further."""
        self._choose(self._at + step * max(1, self.size.height - TITLES - 1), step)

    def action_ends(self, step: int) -> None:
        """Choose the last row, or the first."""
        self._choose(len(self._rows) - 1 if step > 0 else 0, -step)

    def _choose(self, at: int, step: int) -> None:
        self._at = self._next_from(max(0, min(at, len(self._rows) - 1)), step)
        self._follow()
        self.refresh()

    def _follow(self) -> None:
        """Scroll until the chosen row is seen, and the heading above the first one."""
        room = self.size.height - TITLES
        top = self.scroll_offset.y
        above = self._at - 1 if self._at and self._rows[self._at - 1].is_heading else self._at
        if above < top:
            self.scroll_to(y=above, animate=False, force=True)
        elif room > 0 and self._at >= top + room:
            self.scroll_to(y=self._at - room + 1, animate=False, force=True)

    def on_click(self, event: events.Click) -> None:
        """Choose the row under the pointer; open it if it was chosen."""
        at = event.y - TITLES + self.scroll_offset.y
        if event.y < TITLES or not 0 <= at < len(self._rows) or self._rows[at].is_heading:
            return
        if at == self._at:
            self.post_message(self.Opened())
        self._choose(at, 1)

    # --- drawing ---------------------------------------------------------------------------------

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.scrollable_content_region.width
        if y < TITLES:
            return self._strip(self._segments_of_titles(), width)
        at = y - TITLES + self.scroll_offset.y
        if not self._rows and at == 0:
            return self._strip([Segment(self.empty, self._style("dim"))], width)
        if at >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        row = self._rows[at]
        if row.is_heading:
            return self._strip(self._segments_of_heading(row, width), width)
        return self._strip(self._segments_of(row, is_chosen=at == self._at), width)

    def _segments_of_titles(self) -> list[Segment]:
        style = self.rich_style + self.get_component_rich_style("rows--titles", partial=True)
        cells = [(self._columns[each.index].title, each) for each in self._fitted]
        return [Segment(self._padded(title, each), style) for title, each in cells]

    def _segments_of_heading(self, row: Row, width: int) -> list[Segment]:
        """Cut the first text from its left: the end of a path tells more than its beginning."""
        (name, tone), *rest = row.cells
        room = width - sum(cell_len(said) for said, _ in rest)
        if cell_len(name) > max(room, SHORTEST_NAME):
            name = ELLIPSIS + name[-max(room, SHORTEST_NAME) + 1 :]
        return [Segment(said, self._style(kind)) for said, kind in ((name, tone), *rest)]

    def _segments_of(self, row: Row, *, is_chosen: bool) -> list[Segment]:
        segments = []
        cells = row.cells
        for each in self._fitted:
            said, tone = cells[each.index]
            style = self._style("chosen" if is_chosen else tone)
            segments.append(Segment(self._padded(said, each), style))
        return segments

    def _padded(self, said: str, column: Fitted) -> str:
        if len(said) > column.width:
            said = set_cell_size(said, column.width - 1) + ELLIPSIS
        if self._columns[column.index].is_number:
            said = said.rjust(column.width)
        return set_cell_size(said, column.width) + " " * GAP

    def _strip(self, segments: list[Segment], width: int) -> Strip:
        # The padding has the style of the last cell, so that the chosen row is one bar.
        style = segments[-1].style if segments else self.rich_style
        return Strip(segments).adjust_cell_length(width, style)

    def _style(self, tone: Tone | Literal["chosen"]) -> Style:
        if not tone:
            return self.rich_style
        return self.rich_style + self.get_component_rich_style(f"rows--{tone}", partial=True)
