"""What a command is, who calls it, and how its arguments are parsed.

argparse, adapted in two ways: wrong usage raises `InvalidInput` instead of exiting, so that it is
shown like every other error (as JSON if JSON was requested), and the width of help is fixed,
because asking the terminal imports `shutil`, which costs more than the whole command.
"""

from __future__ import annotations

import argparse
import os

from styxy.adapters.paths import Paths
from styxy.client.daemon.connection import Answer, Connection
from styxy.client.text.layout import PIPE, Screen, fitted, paragraph, screen_of
from styxy.client.text.render import plain
from styxy.core.errors import InvalidInput
from styxy.core.messages import echo, guess, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn, TextIO

    from styxy.core.errors import StyxyError


PROMPT_SECONDS = 1.0
"""How long a command may be silent."""


class OutputFailed(OSError):
    """Standard output cannot be written: a full disk, a terminal that is gone."""


class Caller:
    """What a command receives from its caller, and the flags that every command takes."""

    def __init__(self, env: Mapping[str, str], *, out: TextIO, err: TextIO) -> None:
        self.env = env
        self.out = out
        self.err = err
        self.wants_json = False
        self.may_start = True
        self._paths: Paths | None = None
        self._screens: dict[str, Screen] = {}

    @property
    def screen(self) -> Screen:
        """What standard output is."""
        return self._screen("out", self.out)

    @property
    def err_screen(self) -> Screen:
        """What standard error is."""
        return self._screen("err", self.err)

    def _screen(self, name: str, stream: TextIO) -> Screen:
        if name not in self._screens:
            self._screens[name] = screen_of(stream, self.env)
        return self._screens[name]

    @property
    def paths(self) -> Paths:
        """The paths of the caller's home. Raises `InvalidInput` if it is unknown."""
        if self._paths is None:
            self._paths = Paths(self.env)
        return self._paths

    def connection(self) -> Connection:
        """Make a connection to the daemon, which is started if necessary and allowed."""
        return Connection(self.paths, starter=self.start_daemon if self.may_start else None)

    def connection_here(self) -> Connection:
        """Return a connection to a daemon that knows the ports of this network namespace.

        Raises `DaemonUnreachable` if it is in another one.
        """
        connection = self.connection()
        connection.refuse_other_network()
        return connection

    def show(self, answer: Answer, text: str) -> None:
        """Print the daemon's answer unchanged if JSON is requested, else `text`."""
        if self.wants_json:
            self._write(answer.raw + b"\n")  # JSON is UTF-8, whatever the terminal speaks
        else:
            self.say(text)

    def say(self, text: str) -> None:
        """Print to standard output, in whole lines, fitted to a terminal."""
        text = fitted(text, self.screen)
        if text:
            self._write(text if text.endswith("\n") else text + "\n")

    def report(self, body: object, text: str) -> None:
        """Print `body` as one document if JSON is requested, else `text`.

        A dataclass is an object of its fields.
        """
        if self.wants_json:
            import json

            text = json.dumps(body, default=_fields)
        self.say(text)

    def say_exactly(self, text: str) -> None:
        """Print to standard output for a program that reads it: the bytes of a path unchanged."""
        self._write(os.fsencode(text))

    def _write(self, content: str | bytes) -> None:
        try:
            if isinstance(content, str):
                self.out.write(content)
            elif (binary := getattr(self.out, "buffer", None)) is not None:
                self.out.flush()
                binary.write(content)
            else:
                self.out.write(os.fsdecode(content))
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputFailed(error.errno, error.strerror) from None

    def complain(self, text: str) -> None:
        """Print one line to standard error, whatever it quotes."""
        self._complain(text, "warning")

    def _complain(self, text: str, kind: str) -> None:
        name = self.err_screen.paint("styxy:", kind)
        self.err.write(f"{name} {plain(shortened(text))}\n")
        self.err.flush()

    def complain_of_variables(self) -> None:
        """Complain of each of Styxy's variables that means nothing."""
        from styxy.client.interception.shell_env import meaningless

        for sentence in meaningless(self.env, self.paths):
            self.complain(sentence)

    def fail(self, failure: StyxyError) -> None:
        """Print an error: one line, or the API's own shape if JSON is requested."""
        if not self.wants_json:
            self._complain(failure.message, "error")
            return
        body = {
            "success": False,
            "error": shortened(failure.message),
            "code": failure.code,
            "context": failure.context,
        }
        self.report(body, "")

    def remark(self, text: str) -> None:
        """Print one line to standard error if a person is watching."""
        if self.err_screen.is_terminal and not self.wants_json:
            self._complain(text, "heading")

    def waiting_for(self, what: str) -> Waiting:
        """Say what is waited for, if the block takes longer than a second."""
        return Waiting(f"waiting for {what}", self.remark)

    def start_daemon(self, connection: Connection, *, patience: float | None = None) -> None:
        """Make a daemon listen within `patience` seconds, and say so if one was started."""
        # Imported here: usually a daemon is running, and then starting one must cost nothing.
        from styxy.client.daemon.starting import START_PATIENCE, start_once

        if start_once(
            connection,
            self.env,
            patience=patience or START_PATIENCE,
            on_slow=lambda: self.remark("waiting for the daemon to start"),
        ):
            self.remark("started the Styxy daemon; to stop it: styxy daemon stop")


class Waiting:
    """Says what a command waits for once it has waited for `PROMPT_SECONDS`."""

    def __init__(self, text: str, remark: Callable[[str], None]) -> None:
        from threading import Timer

        self._timer = Timer(PROMPT_SECONDS, remark, [text])
        self._timer.daemon = True

    def __enter__(self) -> None:
        self._timer.start()

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()


def _fields(value: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(value)


class Command:
    """One command: its name, its options and what it does.

    `run` returns the exit code; `add_options` fills a parser of its own.
    """

    def __init__(
        self,
        name: str,
        summary: str,
        *,
        example: str,
        add_options: Callable[[Parser], None],
        run: Callable[[argparse.Namespace, Caller], int],
    ) -> None:
        self.name = name
        self.summary = summary
        self.example = example
        self.add_options = add_options
        self.run = run

    def parser(self, make: Callable[..., Parser] | None = None, *, screen: Screen = PIPE) -> Parser:
        """Make the parser of this command alone, or with `make` as a part of a larger one.

        Its help is as wide as `screen`.
        """

        def formatter(prog: str) -> argparse.HelpFormatter:
            return _Formatter(prog, screen)

        parser = (make or Parser)(
            prog=f"styxy {self.name}",
            description=paragraph(self.summary, screen, indent=0),
            epilog=f"{screen.paint('example:', 'heading')}\n  {self.example}",
            formatter_class=formatter,
            allow_abbrev=False,
        )
        self.add_options(parser)
        add_common_flags(parser)
        return parser


class HelpAsked(Exception):
    """Carries the requested help text, to be printed like every other answer."""


class HelpOf(Exception):
    """Carries the words of a command whose help is requested."""

    def __init__(self, words: list[str]) -> None:
        super().__init__(words)
        self.words = words


class Parser(argparse.ArgumentParser):
    """Parses the arguments of one command; raises `InvalidInput` if they are invalid."""

    def print_help(self, _file: object = None) -> NoReturn:
        """Pass the help to the code that prints it. Raises `HelpAsked`."""
        raise HelpAsked(self.format_help())

    def read(self, words: list[str]) -> argparse.Namespace:
        """Parse all arguments. Raises `InvalidInput`, also for unexpected ones."""
        options, rest = self.parse_known_args(words)
        for word in rest:
            if word != "--":
                self.error(self._misplaced(word.partition("=")[0]))
        return options

    def _misplaced(self, word: str) -> str:
        if not word.startswith("-"):
            return f"unexpected argument {echo(word)}"
        known = [each for each in self._option_string_actions if each.startswith("--")]
        return f"unknown option {echo(word)}; {guess(word, known)}"

    def error(self, message: str) -> NoReturn:
        """Report wrong usage in one sentence."""
        message = message.removeprefix("argument ")
        for theirs, ours in _PLAINER:
            message = message.replace(theirs, ours)
        ending = "" if message.endswith("?") else f"; see: {self.prog} --help"
        raise InvalidInput(f"{message}{ending}", suggestions=[f"{self.prog} --help"])

    def _check_value(self, action: argparse.Action, value: object) -> None:
        """Reject an invalid choice, with the nearest valid ones."""
        if action.choices is not None and value not in action.choices:
            word, words = str(value), [str(each) for each in action.choices]
            raise argparse.ArgumentError(
                action, f"{echo(word)} is not a choice; {guess(word, words)}"
            )


_PLAINER = (
    ("expected one argument", "missing value"),
    ("the following arguments are required:", "missing argument:"),
    ("ignored explicit argument", "takes no value, but got"),
)
"""argparse's wording and ours; if another Python phrases it differently, its wording stays."""


def add_common_flags(parser: Parser) -> None:
    """Add what every command takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.add_argument("--no-start", action="store_true", help="do not start a daemon")


def no_options(_parser: Parser) -> None:
    """Add no options."""


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Formats help as wide as a screen, its headings in bold where there is colour."""

    def __init__(self, prog: str, screen: Screen) -> None:
        super().__init__(prog, max_help_position=min(32, screen.columns // 3), width=screen.columns)
        self._screen = screen

    def start_section(self, heading: str | None) -> None:
        """Start a section."""
        # argparse puts the colon behind it.
        super().start_section(self._screen.paint(heading or "", "heading"))
