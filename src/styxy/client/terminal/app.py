"""`styxy top`: the ports of the machine on a terminal, live.

The facts come from `feed`, the rows from `views`; what changes something is in `actions`, and a
question comes first.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import Footer, Input, Static

from styxy.client.terminal.actions import Actions
from styxy.client.terminal.dialogs import Page, Question
from styxy.client.terminal.facts import Facts
from styxy.client.terminal.feed import Feed
from styxy.client.terminal.rows import Rows
from styxy.client.terminal.table import filtered
from styxy.client.terminal.texts import details_of, keys
from styxy.client.terminal.views import VIEWS, Place
from styxy.core.errors import StyxyError
from styxy.core.messages import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from textual.app import ComposeResult

    from styxy.client.daemon.connection import Connection
    from styxy.client.terminal.facts import PortFacts

    Result = TypeVar("Result")

AGE_SECONDS = 10.0
"""How often the ages are drawn anew; nothing is asked for it."""


class Top(App[None]):
    """The terminal view for one caller. `project` is the caller's own, if there is one."""

    CSS = """
    Screen { layout: vertical; }
    #summary, #tabs { height: 1; width: 100%; }
    #state { height: auto; width: 100%; color: ansi_red; text-style: bold; display: none; }
    #filter { height: 1; border: none; padding: 0; display: none; }
    """
    ENABLE_COMMAND_PALETTE = False
    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority, so that the very next key is already for whom the focus is on then.
        Binding("slash", "filter", "Filter", priority=True),
        Binding("enter", "keep_filter", "Keep", show=False, priority=True),
        Binding("enter", "open", "Details"),
        Binding("s", "stop", "Stop"),
        Binding("r", "release", "Release"),
        Binding("c", "copy", "Copy"),
        Binding("question_mark", "keys", "Keys"),
        Binding("q", "quit", "Quit"),
        Binding("ctrl+c", "quit", "Quit", show=False, priority=True),
        Binding("escape", "unfilter", "No filter", show=False),
        *(
            Binding(str(at), f"view({at})", view.title, show=False)
            for at, view in enumerate(VIEWS, start=1)
        ),
    ]

    def __init__(
        self, connection: Connection, env: Mapping[str, str], *, project: str | None
    ) -> None:
        super().__init__(ansi_color=True)
        self.title = "Styxy"
        self.facts = Facts()
        self._connection = connection
        self._actions = Actions(connection, env, project=project)
        self._project = project
        self._view = VIEWS[0]
        self._trouble: str | None = None
        # Kept, because they cannot be looked up any more while the view ends.
        self.rows = Rows(id="rows")
        self._bar = Static(id="summary")
        self._tab_bar = Static(id="tabs")
        self._state = Static(id="state")
        self._filter = Input(
            id="filter", placeholder="port, project, program, lease ...", compact=True
        )

    def compose(self) -> ComposeResult:
        """Lay out the screen: what there is, the views, the filter, the rows, the keys."""
        yield self._bar
        yield self._tab_bar
        yield self._state
        yield self._filter
        yield self.rows
        yield Footer(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to follow the daemon."""
        self.theme = "ansi-dark"
        self.rows.focus()
        self.draw()
        feed = Feed(self._connection, self.facts, on_facts=self.draw, on_state=self._on_state)
        self.run_worker(feed.run(), exclusive=True, group="feed")
        self.set_interval(AGE_SECONDS, self.draw)

    def _fatal_error(self) -> None:
        """End without the stack that Textual would print: the command says it in a sentence."""
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """What has ended the view, if anything unforeseen has."""
        return self._exception

    # --- drawing ---------------------------------------------------------------------------------

    def draw(self) -> None:
        """Show the facts as they are."""
        place = Place(project=self._project, now=time.time())
        wanted = self._filter.value
        rows = filtered(self._view.rows(self.facts, place), wanted)
        self.rows.empty = f"Nothing here matches {wanted!r}." if wanted else self._view.empty
        if self.facts.revision is None and not rows:
            self.rows.empty = "Asking the daemon ..."
        self.rows.put(self._view.columns, rows)
        self._bar.update(self._summary())
        self._tab_bar.update(self._tabs())

    def _summary(self) -> Content:
        ports = self.facts.ports.values()
        servers = sum(port.is_listening for port in ports)
        leases = sum(bool(port.lock_id) for port in ports)
        moved = sum(port.asked is not None for port in ports)
        warnings = len(self.facts.warnings)
        parts: list[str | tuple[str, str]] = [("Styxy ", "bold")]
        parts += [f"{counted(servers, 'server')}, {counted(leases, 'lease')}"]
        parts += [(f", {moved} moved", "ansi_yellow")] if moved else []
        parts += [(f", {counted(warnings, 'warning')}", "ansi_red")] if warnings else []
        parts += [("  live" if self._trouble is None else "  not live", "dim")]
        return Content.assemble(*parts)

    def _tabs(self) -> Content:
        is_narrow = self.size.width < 70
        parts: list[Content] = []
        for at, view in enumerate(VIEWS, start=1):
            count = view.count(self.facts)
            number = f" {count}" if count and not is_narrow else ""
            style = "reverse" if view is self._view else "dim"
            parts.append(Content.styled(f"{at} {view.title}{number}", style))
        return Content("  ").join(parts)

    def on_resize(self) -> None:
        """Draw for another width."""
        self.draw()

    def _on_state(self, trouble: str | None) -> None:
        if trouble == self._trouble:
            return
        self._trouble = trouble
        self._state.update(Content(trouble or ""))
        self._state.display = trouble is not None
        self.draw()

    # --- keys ------------------------------------------------------------------------------------

    def action_view(self, at: int) -> None:
        """Show a view by its number."""
        self._view = VIEWS[at - 1]
        self.draw()

    def action_next_view(self, step: int) -> None:
        """Show the next view, or the one before."""
        self.action_view((VIEWS.index(self._view) + step) % len(VIEWS) + 1)

    def action_filter(self) -> None:
        """Let the user type what the rows must contain."""
        self._filter.display = True
        self.screen.set_focus(self._filter)

    def action_unfilter(self) -> None:
        """Show everything again."""
        self._filter.value = ""
        self._filter.display = False
        self.rows.focus()
        self.draw()

    def on_input_changed(self) -> None:
        """Filter while the user types."""
        self.draw()

    def action_keep_filter(self) -> None:
        """Go back to the rows; the filter stays."""
        self._filter.display = bool(self._filter.value)
        self.screen.set_focus(self.rows)

    def check_action(self, action: str, _parameters: tuple[object, ...]) -> bool:
        """Leave these two keys to the filter's text, and to questions."""
        if action == "filter":
            return self.focused is self.rows
        return action != "keep_filter" or self.focused is self._filter

    def action_keys(self) -> None:
        """Show the keys."""
        self.push_screen(Page("Keys", keys()))

    def action_open(self) -> None:
        """Show the whole of the chosen row."""
        row = self.rows.chosen
        if row is not None:
            self.push_screen(Page(*details_of(row, self._view, self.facts)))

    def on_rows_opened(self) -> None:
        """Show the whole of a row that was clicked."""
        self.action_open()

    def action_copy(self) -> None:
        """Copy where a server is reached, or else the port or the whole row."""
        row = self.rows.chosen
        if row is None:
            return
        text = row.port.url or str(row.port.port) if row.port else row.cells[0][0]
        if not row.port and self._view.name == "events":
            text = " ".join(said for said, _ in row.cells)
        self.copy_to_clipboard(text)
        self.notify(f"copied {text}", markup=False)

    def action_stop(self) -> None:
        """Stop the chosen server, after a question."""
        port = self._chosen_port("stop")
        if port is not None:
            self.run_worker(self._stop(port.port), group="action")

    def action_release(self) -> None:
        """Release the chosen lease, after a question."""
        port = self._chosen_port("release")
        if port is None:
            return
        if not port.lock_id:
            self._complain(f"port {port.port} is not leased, so there is nothing to release")
            return
        self.run_worker(self._release(port), group="action")

    def _chosen_port(self, verb: str) -> PortFacts | None:
        row = self.rows.chosen
        if row is None or row.port is None:
            self._complain(f"choose a port to {verb}, in view 1 or 2")
            return None
        return row.port

    async def _stop(self, port: int) -> None:
        question = await self._try(lambda: self._actions.ask_to_stop(port))
        if question is None:
            return
        if await self._ask(question.text, is_forced=question.is_forced):
            self._say(await self._try(lambda: self._actions.stop(question)))

    async def _release(self, port: PortFacts) -> None:
        owner = self.facts.project(port.lease_project or port.project).shown
        whose = f" of {owner}" if owner else ""
        text = f"Release port {port.port} ({port.service_type} {port.lease}{whose})?"
        is_others = bool(self._project) and (port.lease_project or port.project) != self._project
        if await self._ask(text, is_forced=is_others):
            self._say(await self._try(lambda: self._actions.release(port)))

    async def _ask(self, text: str, *, is_forced: bool) -> bool:
        return await self.push_screen_wait(Question(text, is_forced=is_forced))

    async def _try(self, work: Callable[[], Result]) -> Result | None:
        """Do something that blocks in a thread; complain of a failure in one sentence."""
        try:
            return await asyncio.to_thread(work)
        except StyxyError as failure:
            self._complain(failure.message)
            return None

    def _say(self, message: str | None) -> None:
        if message:
            self.notify(message, markup=False)

    def _complain(self, message: str) -> None:
        self.notify(message, severity="error", timeout=10, markup=False)
