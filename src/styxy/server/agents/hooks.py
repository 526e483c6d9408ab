"""Answer the hooks of coding agents.

A hook runs inside somebody else's program: whatever goes wrong here is logged, and the agent goes
on as if Styxy were not there. Command lines and outputs are others' text and may take long to read,
so that happens in a thread, and a guest that asks meanwhile does not wait for it.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from msgspec import structs

from styxy.adapters.projects.project_files import ProjectFiles
from styxy.core.advice.failures import find_failure
from styxy.core.advice.guard import denial
from styxy.core.advice.occupants import Occupant
from styxy.core.advice.retrying import retry_command
from styxy.core.advice.rewriting import STYXY, rewritten
from styxy.core.advice.sessions import session_text
from styxy.core.advice.starts import start_notice
from styxy.core.advice.troubles import failure_text
from styxy.core.agents.answers import PROTOCOLS
from styxy.core.agents.events import SILENCE, Advice
from styxy.core.agents.outcomes import group_of
from styxy.core.agents.payloads import agent_of, event_of
from styxy.core.commands.classify import classify
from styxy.core.commands.excerpt import excerpt
from styxy.core.errors import StyxyError
from styxy.core.model.ports import Port
from styxy.server.agents.background import failed_tasks
from styxy.server.agents.exports import Exports, command_path, is_intercepted
from styxy.server.agents.occupants import Occupants
from styxy.server.agents.reading import Reader
from styxy.server.agents.sessions import Sessions
from styxy.server.agents.victims import Census

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from styxy.core.advice.failures import Failure
    from styxy.core.agents.events import HookEvent
    from styxy.core.commands.classify import Classification
    from styxy.core.commands.tools.servers import Server
    from styxy.server.agents.sessions import Session
    from styxy.server.service.service import Service

log = logging.getLogger(__name__)

USUAL_PORTS = (3000, 3001, 4200, 5000, 5173, 5432, 6379, 8000, 8080)
"""Ports that development tools take by default; a session hears who has them."""

LONGEST_LINE = 32 * 1024
"""Characters of a command line that is read; a longer one is data with commands around it."""

ASKING = ("opencode",)
"""Agents that ask for the variables of each command."""

GEMINI_MARK = "GEMINI_CLI"
"""The variable that Gemini CLI sets for its commands; its value names no session."""

MOVED = "✓ STYXY"
"""How the notice of a moved server begins; who reads it needs no notice of the conflict."""

REWRITTEN = "Styxy runs this command as: "
"""How an agent is told that another command has run than it wrote."""

BOM = b"\xef\xbb\xbf"


class Hooks:
    """Answers hooks. Use it only from the loop's thread."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._sessions = Sessions(service)
        self._occupants = Occupants(service, self._sessions)
        self._census = Census(service, self._sessions, self._occupants)
        self._exports = Exports(answers=service.context.projects.answers)
        self._reader = Reader()
        self._handlers: dict[str, Callable[[HookEvent, Session, int | None], Awaitable[Advice]]] = {
            "session start": self._on_start,
            "prompt": self._on_prompt,
            "before command": self._on_command,
            "after command": self._on_result,
            "environment": self._on_environment,
            "system prompt": self._on_system_prompt,
            "session end": self._on_end,
        }

    async def answer(self, agent: str, name: str, body: bytes, *, peer: int | None) -> bytes:
        """Return the bytes that a hook prints; none if there is nothing to say.

        `agent` may be `auto`, and `name` as well: both are then recognised by the payload. `peer`
        is the hook's process.
        """
        payload = _decoded(body)
        if payload is None:
            return b""
        agent = agent_of(payload) if agent == "auto" else agent
        event = event_of(agent, "" if name == "auto" else name, payload)
        if event is None or agent not in PROTOCOLS:
            return b""
        try:
            session = self._sessions.of(event, peer)
            event = session.recalled(event)
            is_repeated = bool(event.command) and session.is_repeated(
                event, now=self._service.context.clock()
            )
            advice = await self._handlers[event.kind](event, session, peer)
            if is_repeated:  # what is denied is denied to every hook, and said once
                advice = structs.replace(advice, context="")
        except TimeoutError:
            return b""  # too much to read, and nobody waits any more
        except StyxyError as error:
            log.warning("the hook %s of %s: %s", event.name, agent, error.message)
            return b""
        except Exception:  # whatever it is, the agent must not suffer from it
            log.exception("the hook %s of %s failed", event.name, agent)
            return b""
        answer = PROTOCOLS[agent].write(event, advice) if advice else {}
        # In ASCII: a command may hold half a surrogate pair, which UTF-8 cannot spell.
        return json.dumps(answer).encode("ascii") if answer else b""

    async def _on_start(self, event: HookEvent, session: Session, peer: int | None) -> Advice:
        if peer is not None:
            processes = self._service.context.processes
            is_written = await self._exports.write(session, processes, peer)
            session.is_intercepted = is_written or is_intercepted(processes, peer)
            if event.speaker in ASKING:  # asked for soon, in less time than they take to find out
                await self._exports.of(session, processes, peer)
        return Advice(context=await self._introduction(session))

    async def _on_system_prompt(
        self, _event: HookEvent, session: Session, _peer: int | None
    ) -> Advice:
        return Advice(context=await self._introduction(session))

    async def _introduction(self, session: Session) -> str:
        found = await self._occupants.all(session)
        own = [each for each in found if each.whose == "own"]
        return session_text(
            is_intercepted=session.is_intercepted,
            own=own,
            usual=[each for each in found if each.port in USUAL_PORTS and each.whose != "own"],
            left=[each for each in own if each.is_left],
        )

    async def _on_environment(
        self, _event: HookEvent, session: Session, peer: int | None
    ) -> Advice:
        if peer is None:
            return SILENCE
        variables = await self._exports.of(session, self._service.context.processes, peer)
        session.is_intercepted = bool(variables)
        return Advice(variables=variables)

    async def _on_command(self, event: HookEvent, session: Session, _peer: int | None) -> Advice:
        session.note(event)
        settings = self._service.desk.settings.agents
        found = await self._reader.read(_classified, event.command, self._files(event))
        refusal = self._guard(found, event, session) if settings.guard != "off" else ""
        if refusal and settings.guard == "deny":
            return Advice(denial=refusal)
        notices = [refusal.replace("Not run: this", "Careful: this", 1)] if refusal else []
        protocol = PROTOCOLS[event.agent]
        command = ""
        if settings.rewrite and protocol.can_rewrite and found.servers:
            program = command_path() if protocol.runs_login_shell else STYXY
            new = await self._reader.read(
                rewritten, event.command, project=self._files(event), program=program
            )
            command = new or ""
        if command:
            notices.append(REWRITTEN + command)
        else:
            notices += await self._start_notices(found, event, session)
        text = "\n".join(notices)
        if text and not protocol.shows_before:
            # Gemini CLI gives its calls no ids, and names the changed command after it.
            session.postpone(structs.replace(event, command=command or event.command), text)
            text = ""
        return Advice(context=text, command=command)

    async def _on_result(self, event: HookEvent, session: Session, _peer: int | None) -> Advice:
        self._sessions.note_servers()
        group = group_of(event.output) if event.agent == "gemini" else None
        if group is not None:
            servers = self._service.session_servers
            servers.look_at_group(group, session.instance_id, mark=GEMINI_MARK)
        notice = session.postponed(event)
        explanation = await self._explained(event, session)
        # A move settles the conflict, and an explanation says all of the notice and more.
        is_settled = MOVED in event.output or bool(explanation)
        texts = ["" if is_settled and REWRITTEN not in notice else notice, explanation]
        return Advice(context="\n".join(filter(None, texts)))

    async def _on_prompt(self, event: HookEvent, session: Session, _peer: int | None) -> Advice:
        texts = []
        for task in failed_tasks(event.prompt, self._service.context.projects):
            command = session.commands.get(task.call_id, "")
            texts.append(
                await self._explanation(task.output, command, event, session, has_failed=True)
            )
        return Advice(context="\n".join(filter(None, texts)))

    async def _on_end(self, _event: HookEvent, session: Session, _peer: int | None) -> Advice:
        self._sessions.end(session)
        return SILENCE

    def _guard(self, found: Classification, event: HookEvent, session: Session) -> str:
        if not found.kills:
            return ""
        words = event.command.split()
        victims = self._census.victims(
            found.kills,
            session,
            directory=event.directory,
            as_root="sudo" in words or "doas" in words,
        )
        if not (victims.servers or victims.clients or victims.ancestor or victims.daemon):
            return ""
        return denial(victims, free_port=self._free_port("dev"))

    async def _start_notices(
        self, found: Classification, event: HookEvent, session: Session
    ) -> list[str]:
        ended = {port for kill in found.kills for port in kill.ports}
        notices = []
        for server in found.servers:
            if server.port is None or server.port in ended or not 0 < server.port < 65536:
                continue
            occupant = self._occupants.on(Port(server.port), session)
            if occupant is not None:
                notices.append(await self._start_notice(server, occupant, event))
        return list(dict.fromkeys(filter(None, notices)))

    async def _start_notice(self, server: Server, occupant: Occupant, event: HookEvent) -> str:
        if "styxy stop" in event.command and occupant.whose == "own":
            return ""  # the line itself ends the old one first
        if "styxy run" in event.command and occupant.whose != "own":
            return ""  # it will be moved
        free_port = self._free_port(server.service_type)
        retry = await self._reader.read(
            _retry, event.command, server, free_port, self._files(event)
        )
        return start_notice(occupant, free_port=free_port, retry=retry)

    async def _explained(self, event: HookEvent, session: Session) -> str:
        if event.outcome == "passed":
            return ""
        return await self._explanation(
            event.output, event.command, event, session, has_failed=event.outcome == "failed"
        )

    async def _explanation(
        self, output: str, command: str, event: HookEvent, session: Session, *, has_failed: bool
    ) -> str:
        """Explain why a server did not start; empty if the output does not say so.

        Where the exit status is unknown, only the output of a command that serves counts.
        """
        found, failure = await self._reader.read(
            _read, output, command, self._files(event), has_failed=has_failed
        )
        if failure is None:
            return ""
        servers = [each for each in found.servers if failure.port in (None, each.port)]
        server = next(iter(servers or found.servers), None)
        port = failure.port or (server.port if server is not None else None)
        occupant = self._occupants.on(Port(port), session) if port else None
        free_port = self._free_port(server.service_type if server is not None else "dev")
        retry = ""
        if server is not None:
            retry = await self._reader.read(_retry, command, server, free_port, self._files(event))
        return failure_text(failure, port=port, occupant=occupant, agent=event.agent, retry=retry)

    def _files(self, event: HookEvent) -> ProjectFiles | None:
        """Return the files beside a command; none where a look at the directory never ends."""
        directory = event.directory
        if directory is None or not self._service.context.projects.answers(directory):
            return None
        return ProjectFiles(directory)

    def _free_port(self, service_type: str) -> int | None:
        try:
            _, ports = self._service.suggest(service_type, count=1)
        except StyxyError:
            return None  # the range is full
        return next(iter(ports), None)


def _classified(command: str, project: ProjectFiles | None) -> Classification:
    """Classify a command; of a very long one, only the kills: what is said of a server names the
    whole line.
    """
    if len(command) <= LONGEST_LINE:
        return classify(command, project=project)
    return replace(classify(excerpt(command, LONGEST_LINE), project=project), servers=())


def _read(
    output: str, command: str, project: ProjectFiles | None, *, has_failed: bool
) -> tuple[Classification, Failure | None]:
    """Read what a command printed, and the command."""
    found = classify(command, project=project)
    failure = find_failure(
        output, is_known_to_have_failed=has_failed, is_of_server=bool(found.servers)
    )
    return found, failure


def _retry(
    command: str, server: Server, free_port: int | None, project: ProjectFiles | None
) -> str:
    """Return the command that starts a server elsewhere; empty if there is none that is sure."""
    if free_port is not None:
        retry = retry_command(command, server, free_port, project=project)
        if retry is not None:
            return retry
    return rewritten(command, project=project) or ""


def _decoded(body: bytes) -> dict[str, Any] | None:
    try:
        payload = json.loads(body.removeprefix(BOM))
    except (ValueError, RecursionError):
        return None
    return payload if isinstance(payload, dict) else None
