"""What appears above the list: a question, the whole of one row, the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult


class Question(ModalScreen[bool]):
    """Asks before something is ended. Nothing but `y` is a yes."""

    DEFAULT_CSS = """
    Question { align: center middle; }
    Question > Vertical {
        width: 70; max-width: 100%; height: auto; max-height: 100%;
        border: round ansi_yellow; padding: 0 1;
    }
    Question.-forced > Vertical { border: heavy ansi_red; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes"),
        Binding("n,escape,q,enter", "answer(False)", "No"),
    ]

    def __init__(self, text: str, *, is_forced: bool = False) -> None:
        super().__init__(classes="-forced" if is_forced else "")
        self._text = text

    def compose(self) -> ComposeResult:
        """Show the question and the two keys."""
        with Vertical():
            yield Static(Content(self._text), id="question")
            yield Static(Content("y yes   n no"))

    def action_answer(self, is_yes: bool) -> None:  # noqa: FBT001 - Textual passes it by position
        """Take the answer."""
        self.dismiss(is_yes)


class Page(ModalScreen[None]):
    """Shows a few lines until a key is pressed."""

    DEFAULT_CSS = """
    Page { align: center middle; }
    Page > VerticalScroll {
        width: 76; max-width: 100%; height: auto; max-height: 100%;
        border: round ansi_bright_black; padding: 0 1;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,enter,q,question_mark,space", "dismiss", "Close"),
    ]

    def __init__(self, title: str, lines: Sequence[tuple[str, str]]) -> None:
        super().__init__()
        self._title = title
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Show the title and the lines, each with what it begins with."""
        width = max((len(name) for name, _ in self._lines), default=0)
        with VerticalScroll():
            yield Static(Content.styled(self._title, "bold"))
            for name, said in self._lines:
                yield Static(Content.assemble((name.ljust(width + 2), "dim"), said))
