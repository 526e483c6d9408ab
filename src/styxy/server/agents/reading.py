"""Read command lines and outputs beside the loop: they are others' text and may take long.

Few threads do it, so that such text does not keep threads from everybody else, long text does not
keep short text waiting, and nothing is read for a hook that has given up. An agent that sends one
long line after another would otherwise fill the queue, and every other agent's hook would come too
late.
"""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

THREADS = 6
"""For short text, and as many for long. They compute in turns, so that a quick one in the last of
them does not wait until the slow ones are done."""

LONG = 2048
"""Characters from which text is long. Almost every command line is shorter."""

PATIENCE = 0.25
"""Seconds until a reading is given up; the program in front of a hook waits for 0.08 s."""


class Reader:
    """Runs functions in threads of its own. Use it only from the loop's thread."""

    def __init__(self, *, patience: float = PATIENCE) -> None:
        self._short = ThreadPoolExecutor(THREADS, thread_name_prefix="styxy-hooks")
        self._long = ThreadPoolExecutor(THREADS, thread_name_prefix="styxy-hooks-long")
        self._patience = patience

    async def read(
        self,
        function: Callable[Concatenate[str, Parameters], Result],
        text: str,
        *args: Parameters.args,
        **kwargs: Parameters.kwargs,
    ) -> Result:
        """Return what the function makes of the text.

        Raises `TimeoutError`; the function has then not begun, or its result is lost.
        """
        call = partial(function, text, *args, **kwargs)
        threads = self._long if len(text) > LONG else self._short
        running = asyncio.get_running_loop().run_in_executor(threads, call)
        return await asyncio.wait_for(running, self._patience)
