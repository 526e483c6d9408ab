"""Questions and reports from guests: programs that contain the native library, or that it
supervises.

A guest whose bind met a conflict asks once; one that starts listening reports it without waiting.
Each speaks for itself, and the kernel identifies the process.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from msgspec.structs import replace

from styxy.core.commands.programs import service_type_of_program
from styxy.core.decisions.asked_ports import decide_asked
from styxy.core.decisions.moves import decide_landed, decide_move, named_type
from styxy.core.decisions.requests import Kept, Moved, MoveRequest, Taken
from styxy.core.decisions.steering import leads_back, udp_may_move
from styxy.core.errors import Conflict, JournalFailed, RangeExhausted
from styxy.core.model.leases import Owner
from styxy.core.model.service_types import FALLBACK
from styxy.core.protocol.move_words import printable_name
from styxy.server.service.habits import Habits
from styxy.server.service.learning import Learning
from styxy.server.service.move_reasons import MoveReasons
from styxy.server.service.same_program import SameProgram, is_one_program, program_of_process
from styxy.server.world.listeners import GuestReport

if TYPE_CHECKING:
    from styxy.core.commands.conduct import Habit
    from styxy.core.decisions.requests import MoveAnswer
    from styxy.core.model.leases import Holder, Lease
    from styxy.core.model.ports import Port
    from styxy.core.model.programs import ProgramId
    from styxy.core.protocol.wire import BindQuestion, ListenNote
    from styxy.server.service.committer import Committer
    from styxy.server.world.context import Context
    from styxy.server.world.listeners import Transport


class Interception:
    """Answers the native library."""

    def __init__(self, committer: Committer, context: Context) -> None:
        self._committer = committer
        self._desk = committer.desk
        self._context = context
        self.reasons = MoveReasons(context, committer.desk)
        self._habits = Habits(
            context, name_of=self.reasons.name_of, lease_on=committer.desk.lease_index.on_port
        )
        self._same_program = SameProgram(context, committer.desk)
        self.learning = Learning(committer, context)

    def move(self, question: BindQuestion, *, pid: int, project: str | None) -> MoveAnswer:
        """Answer a guest whose bind met a conflict. `pid` is the peer that the kernel names.

        `project` is the canonical path of the one that it speaks for. Raises `Conflict` where the
        process has ended meanwhile.
        """
        context = self._context
        if question.reason == "chosen":
            return self._chosen(question)
        if not self._may_move(question):
            return Kept()
        program_id = self._program(pid)
        known = self._desk.programs.get(program_id) if program_id is not None else None
        habit, root = self._habits.of(
            pid,
            question.port,
            image_id=question.image_id,
            learned=known.learned if known is not None else None,
        )
        if not context.steered.is_stepping(question.image_id, question.port):
            context.asked_ports.ask(project, question.port)
        request = replace(
            self._request(question, pid=pid, project=project),
            conduct=habit.conduct,
            must_fail=habit.must_fail,
        )
        if habit.conduct == "steered" and context.steered.has_failed(
            habit, project=project, asked=question.port, is_alive=context.processes.is_alive
        ):
            request = replace(request, conduct="moves")
        if habit.conduct == "steered":
            request = replace(request, leads_back=self._leads_back(request, habit))
        if habit.conduct == "moves" and self._same_program.is_lock(request):
            request = replace(request, conduct="locked")
        answer = self._decided(request)
        self.remember_asked()
        self._watch(request, answer, habit=habit, program_id=program_id)
        if isinstance(answer, Moved) and known is not None and known.is_prober:
            return replace(answer, is_probe=True)
        if isinstance(answer, Taken):
            if request.conduct == "steered":
                context.steered.refuse(request, habit, root=root)
            if request.must_fail:
                said = self._habits.advice(answer, request=request, habit=habit)
                return replace(answer, advice=said)
        if isinstance(answer, Moved) and habit.outside and answer.lease.port != request.asked:
            return replace(answer, outside=habit.outside.format(port=answer.lease.port))
        return answer

    def remember_asked(self) -> None:
        """Write down which ports programs have asked for since the last time."""
        asked_ports, now = self._context.asked_ports, self._context.clock()
        try:
            self._committer.commit(decide_asked(self._desk, asked_ports.new, now=now).events)
        except JournalFailed:
            return  # it stays noted, and is written down once the journal can be written again
        asked_ports.clear()

    def _may_move(self, question: BindQuestion) -> bool:
        """Return whether a bind is one that is moved at all; UDP is only on some numbers.

        What goes along with the program's TCP socket asks for the place that this has.
        """
        if question.protocol != "udp" or question.reason not in ("inuse", "promised"):
            return True
        # Imported here: the table of tools takes 10 ms, and many daemons never need it.
        from styxy.core.commands.conduct import default_ports

        self._context.listeners.look_at(question.port, self._context.clock())
        return udp_may_move(
            self._desk,
            question.port,
            is_default=lambda port: port in default_ports(),
            is_beside_tcp=question.image_id in self._context.listeners.image_ids(question.port),
        )

    def _leads_back(self, request: MoveRequest, habit: Habit) -> bool:
        """Tell whether a steered program comes to its previous place if this port is refused."""
        from styxy.core.commands.conduct import TRIES, USUAL_TRIES

        on_the_way = self._context.steered.first_step(request.image_id, request.asked)
        if on_the_way is None or habit.is_asking:
            return False
        begin, steps = on_the_way
        return leads_back(
            self._desk,
            request,
            begin=begin,
            steps=steps,
            tries=TRIES.get(habit.program, USUAL_TRIES),
            is_free=self._context.kernel.is_free,
        )

    def _program(self, pid: int) -> ProgramId | None:
        """Identify the program of a process, if it is one of which something can be learned."""
        found = program_of_process(self._context, pid)
        return found if found is not None and is_one_program(found) else None

    def _watch(
        self,
        request: MoveRequest,
        answer: MoveAnswer,
        *,
        habit: Habit,
        program_id: ProgramId | None,
    ) -> None:
        """Let what follows a bind that was moved, or refused, teach something of its program."""
        if program_id is None or request.protocol == "udp" or request.owner.is_on_trial:
            return
        match answer:
            case Moved(lease=lease, is_new=True) if not habit.is_known:
                self.learning.on_moved(request, lease.port, program_id, name=habit.program)
            case Taken() if request.conduct == "steered" and not request.must_fail:
                if not habit.is_asking:
                    self.learning.on_refused(request, program_id, name=habit.program)
            case _:
                pass

    def may_be_free_soon(self, question: BindQuestion, *, pid: int, project: str | None) -> bool:
        """Return whether a restarted program may be asking while its predecessor ends."""
        return self._same_program.may_let_go(question, pid=pid, project=project)

    def _chosen(self, question: BindQuestion) -> MoveAnswer:
        """Tell a program that found its own way what to say of the port that it listens on."""
        lease = self._desk.lease_index.on_port(question.port)
        program = self._context.steered.took(question.image_id, question.port)
        if lease is None or not program or lease.image_id != question.image_id:
            return Kept()
        return Moved(lease, is_new=True, took=printable_name(program))

    def _adopt(self, note: ListenNote, pid: int, holder: Holder, project: str | None) -> None:
        """Take the listener of a program that found its own way for its move."""
        steered = self._context.steered
        if not steered.is_anybody_waited_for():
            return
        tree = {pid, *self._context.processes.parents(pid)}
        refused = steered.land(note.image_id, tree, note.port)
        if refused is None or refused.owner.project != project:
            return
        request = replace(refused, holder=holder, image_id=note.image_id)
        context = self._context
        ruling = decide_landed(
            self._desk, request, note.port, lease_id=context.new_id(), now=context.clock()
        )
        self._committer.commit(ruling.events)

    def _decided(self, request: MoveRequest) -> MoveAnswer:
        context = self._context
        decide = partial(
            decide_move, self._desk, request, lease_id=context.new_id(), now=context.clock()
        )
        # Where the kernel shows who listens, no probe can pass.
        taken = {request.asked} if request.reason == "inuse" and request.is_in_use else set()
        try:
            return self._committer.try_and_commit(
                decide, is_free=partial(self._is_at_rest, request), taken=taken
            )
        except RangeExhausted:
            # Servers that came and went in the last minute may have left all others in TIME_WAIT.
            is_free = partial(context.kernel.is_free, protocol=request.protocol)
            try:
                return self._committer.try_and_commit(decide, is_free=is_free, taken=taken)
            except RangeExhausted as full:
                whose = self.reasons.promised_to(request)
                if whose is not None:
                    full.message = f"{whose}, and {full.message}"
                raise

    def _is_at_rest(self, request: MoveRequest, port: Port) -> bool:
        """Probe a port for a guest; a new place should have no old connections on it if possible.

        Its previous place may have some, and its library binds over them: a restart must not move
        it. A place is free for TCP and UDP: what a server has of both goes there together.
        """
        kernel, granted = self._context.kernel, request.granted
        if port == request.asked or (granted is not None and granted.port == port):
            return kernel.can_bind(port, request.protocol)
        remembered = self._desk.remembered.moves.get((request.owner.key, request.asked))
        if remembered is not None and remembered.port == port:
            return kernel.is_free(port, "both")
        return kernel.can_bind(port, "both")

    def on_listen(self, note: ListenNote, pid: int) -> None:
        """Process a guest's report of a listening socket; this commits its move.

        It is believed as far as the kernel shows it: the socket listens there, and the process has
        it. Of a false one, nothing remains but a look at the port.
        """
        now = self._context.clock()
        holder = self._context.processes.holder(pid)
        transport = _transport(note)
        listeners = self._context.listeners
        listeners.look_at(note.port, now)
        if holder and listeners.has_socket(pid, note.cookie, note.port, transport):
            if transport == "tcp":
                self.learning.on_listen(note)
            project = self._context.projects.resolve(note.project)
            report = GuestReport(
                image_id=note.image_id,
                project=project,
                repo=note.repo,
                service_type=note.service_type,
                asked=note.asked,
            )
            listeners.add_report(note.cookie, holder=holder, report=report, transport=transport)
            self._context.port_map_sync.invalidate(note.port)
            self._context.strangers.invalidate(note.port)
            self._adopt(note, pid, holder, project)
        lease = self._desk.lease_index.on_port(note.port)
        if note.protocol == "udp" and lease is not None and lease.asked is not None:
            self._context.listeners.look_at(lease.asked, now)  # it may have been there before
        self._context.port_map_sync.refresh(note.port)
        lease = self._desk.lease_index.on_port(note.port)
        strangers = self._context.strangers.alone_on([lease] if lease else [])
        # A UDP socket alone does not say that a server of TCP listens.
        is_half = lease is not None and lease.protocol == "tcp" and note.protocol == "udp"
        is_shown = listeners.is_in_use(note.port, transport) and not is_half
        in_use = (self._desk.lease_index.bound | ({note.port} if is_shown else set())) - strangers
        self._committer.commit(self._desk.seen(in_use, now=now).events)
        self.remember_asked()

    def _request(self, question: BindQuestion, *, pid: int, project: str | None) -> MoveRequest:
        """Join a question with what the kernel and /proc tell of its process and its ports.

        Who listens on the asked port matters only where just one of a kind may run, or where the
        number is in use by another program: finding a process costs milliseconds.
        """
        processes, asked = self._context.processes, question.port
        holder = processes.holder(pid)
        if holder is None:
            raise Conflict(f"process {pid} has ended")
        catalogue = self._desk.catalogue
        named = named_type(catalogue, asked, question.service_type)
        # What a program is known for takes reading its command line, and counts only then.
        command = processes.command(pid) if named is None else None
        kind = named or catalogue.get(FALLBACK)
        owner = Owner(project=project, instance_id=question.instance_id)
        failed = {asked} if question.reason == "inuse" else set()
        if question.lost is not None:
            failed.add(question.lost)
        transport = _transport(question)
        looked: tuple[Transport, ...] = ("tcp", "udp") if transport == "udp" else ("tcp",)
        for port in {asked, *failed}:
            self._context.listeners.look_at(port, self._context.clock(), *looked)
        is_in_use = self._context.listeners.is_in_use(asked, transport)
        if not is_in_use:
            self._context.port_map_sync.refresh(asked)  # whoever is gone has left it by now
        is_asked_whose = question.reason in ("shadowed", "returned")
        return MoveRequest(
            asked=asked,
            owner=owner,
            holder=holder,
            image_id=question.image_id,
            reason=question.reason,
            protocol=question.protocol,
            process=processes.name(pid) or "",
            service_type=question.service_type,
            inferred_type=service_type_of_program(command) if command else None,
            lost=question.lost,
            is_foreign=not is_asked_whose or self._is_foreign(asked, project),
            listener=self._listener(asked) if kind.is_singleton else None,
            own=self._own(question, failed),
            ephemeral=self._context.ephemeral,
            avoided=self._context.asked_ports.asked_by(project),
            is_in_use=is_in_use,
            former=self._context.former_holders.other_than(owner, asked),
            granted=self._granted(owner, pid),
        )

    def _granted(self, owner: Owner, pid: int) -> Lease | None:
        """Find the lease that `styxy run` took for a program: its holder is the program, or one
        that it comes from, and PORT says so."""
        processes = self._context.processes
        granted = self._desk.lease_index.granted(owner)
        for each in (pid, *processes.parents(pid)) if granted else ():
            for lease in granted:
                if (
                    lease.holder is not None
                    and lease.holder.pid == each
                    and lease.holder == processes.holder(each)
                    and processes.variable(each, "PORT") == str(lease.port)
                ):
                    return lease
        return None

    def _own(self, question: BindQuestion, failed: set[Port]) -> frozenset[int]:
        """Return which of the ports that it could not bind are this very server's alone."""
        transport = _transport(question)
        image_ids, alone = self._context.listeners.image_ids, {question.image_id}
        return frozenset(port for port in failed if image_ids(port, transport) == alone)

    def _listener(self, port: Port) -> int | None:
        """Return the process listening on a port: 0 if it is not visible, None if there is none."""
        pids = [each.pid for each in self._context.listeners.sightings(port)]
        return next((pid for pid in pids if pid is not None), 0) if pids else None

    def _is_foreign(self, port: Port, project: str | None) -> bool:
        """Return whether a server of another project is listening on a port."""
        sightings = self._context.listeners.sightings(port)
        projects = {
            each.report.project if each.report else self._project(each.pid) for each in sightings
        }
        return bool(projects - {project})

    def _project(self, pid: int | None) -> str | None:
        if pid is None:
            return None
        held = self._desk.lease_index.of_pid(pid)
        return held[0].owner.project if held else self._context.projects.of(pid)


def _transport(said: BindQuestion | ListenNote) -> Transport:
    return "udp" if said.protocol == "udp" else "tcp"
