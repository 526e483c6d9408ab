"""What is known and was learned of programs: list, forget."""

from __future__ import annotations

from styxy.core.decisions.learning import decide_forgotten
from styxy.core.protocol import programs as shapes
from styxy.server.http.routes.call import Call, Route


def programs(call: Call) -> shapes.ProgramsAnswer:
    """List what was learned of programs, and what the table of tools says of others."""
    return shapes.ProgramsAnswer(
        programs=[shapes.learned_program(each) for each in call.service.desk.programs.values()],
        known=shapes.known_tools(),
    )


def forget(call: Call) -> shapes.ForgetAnswer:
    """Forget what was learned of a program."""
    wanted: shapes.ForgetQuery = call.query
    committer = call.service.committer
    ruling = decide_forgotten(committer.desk, wanted.name, now=call.service.context.clock())
    committer.commit(ruling.events)
    return shapes.forgotten_programs(ruling.answer, name=wanted.name)


ROUTES: tuple[Route, ...] = (
    Route(
        method="GET",
        path="/programs",
        handler=programs,
        summary="List what is known and was learned of programs whose port is taken",
        answer=shapes.ProgramsAnswer,
    ),
    Route(
        method="DELETE",
        path="/programs",
        handler=forget,
        summary="Forget what was learned of a program",
        query=shapes.ForgetQuery,
        answer=shapes.ForgetAnswer,
        example="/programs?name=vite",
    ),
)
