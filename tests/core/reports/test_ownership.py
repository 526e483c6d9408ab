"""Whose a server is: this project's, another's, or another session's at work in this one."""

from __future__ import annotations

import pytest

from styxy.core.reports.ownership import (
    Agent,
    AgentsAtWork,
    Ownership,
    Party,
    Session,
    has_started,
    is_session,
    ownership,
    session_of,
)

SHOP, BLOG = "/home/ada/shop", "/home/ada/blog"
MINE, THEIRS = "claude-11", "codex-22"
CROWD = AgentsAtWork(
    sessions=(Session(instance_id=MINE, pid=100), Session(instance_id=THEIRS, pid=200)),
)
CALLER = Party(project=SHOP, lineage=(150, 100, 1))


def judged(server: Party, *, caller: Party = CALLER, at_work: AgentsAtWork = CROWD) -> Ownership:
    return ownership(server, caller, at_work)


def test_a_server_of_this_session_is_its_own() -> None:
    verdict = judged(Party(project=SHOP, lineage=(160, 155, 100, 1)))
    assert (verdict.relation, verdict.session, verdict.is_live) == ("own", MINE, True)
    assert verdict.whose == "this project"


def test_a_server_from_a_terminal_belongs_to_whoever_works_in_the_project() -> None:
    verdict = judged(Party(project=SHOP, lineage=(300, 299, 1)))
    assert (verdict.relation, verdict.session) == ("own", None)


def test_a_server_of_a_session_that_has_ended_is_own() -> None:
    orphan = Party(project=SHOP, lineage=(300, 1), variables={"CODEX_THREAD_ID": "gone"})
    verdict = judged(orphan)
    assert (verdict.relation, verdict.session, verdict.is_live) == ("own", "codex-gone", False)


@pytest.mark.parametrize(
    "server",
    [
        Party(project=SHOP, lineage=(300, 200, 1)),
        Party(project=SHOP, lineage=(300, 1), variables={"CODEX_THREAD_ID": "22"}),
        Party(project=SHOP, lineage=(300, 1), instance_id=THEIRS),
        # The agents may be nested; the nearest one has started it.
        Party(project=SHOP, lineage=(300, 200, 100, 1)),
        Party(
            project=SHOP, lineage=(300, 200, 1), variables={"CLAUDE_CODE_SESSION_ID": "11"}
        ),
    ],
)  # fmt: skip
def test_a_server_of_another_live_session_is_foreign_in_the_same_project(server: Party) -> None:
    verdict = judged(server)
    assert (verdict.relation, verdict.session, verdict.is_live) == ("other session", THEIRS, True)
    assert THEIRS in verdict.whose


def test_a_person_in_a_terminal_is_not_in_a_session_either() -> None:
    terminal = Party(project=SHOP, lineage=(900, 1))
    assert judged(Party(project=SHOP, lineage=(160, 100)), caller=terminal).relation == (
        "other session"
    )


@pytest.mark.parametrize("lineage", [(160, 100, 1), (300, 1)])
def test_another_projects_server_is_foreign_whoever_started_it(lineage: tuple[int, ...]) -> None:
    verdict = judged(Party(project=BLOG, lineage=lineage))
    assert (verdict.relation, verdict.project) == ("other project", BLOG)
    assert BLOG in verdict.whose


@pytest.mark.parametrize(("server", "caller"), [(None, SHOP), (SHOP, None), (None, None)])
def test_without_a_project_nothing_is_known(server: str | None, caller: str | None) -> None:
    verdict = judged(Party(project=server), caller=Party(project=caller))
    assert verdict.relation == "unknown"
    assert "no project that is known" in verdict.whose or server is not None


def test_a_caller_that_has_left_its_agents_tree_is_known_by_its_environment() -> None:
    caller = Party(project=SHOP, lineage=(900, 1), variables={"CLAUDE_CODE_SESSION_ID": "11"})
    assert judged(Party(project=SHOP, lineage=(160, 100)), caller=caller).relation == "own"


def test_an_agent_that_names_its_process_is_found_by_it() -> None:
    at_work = AgentsAtWork(sessions=(Session(instance_id="opencode-33", pid=333),))
    orphan = Party(project=SHOP, lineage=(300, 1), variables={"OPENCODE_PID": "333"})
    assert session_of(orphan, at_work) == ("opencode-33", True)


def test_one_process_may_have_two_sessions_and_the_environment_tells_which() -> None:
    both = [Session(instance_id=name, pid=100) for name in ("claude-1", "claude-2")]
    at_work = AgentsAtWork(sessions=both)
    old = Party(project=SHOP, lineage=(5, 100), variables={"CLAUDE_CODE_SESSION_ID": "1"})
    assert session_of(old, at_work) == ("claude-1", True)
    assert session_of(Party(project=SHOP, lineage=(5, 100)), at_work) == ("claude-2", True)


def test_an_agent_without_hooks_is_a_session_too() -> None:
    at_work = AgentsAtWork(agents=(Agent(name="claude", pid=100, started=50),))
    variables = {"CLAUDE_CODE_SESSION_ID": "9"}
    inside = Party(project=SHOP, lineage=(160, 100, 1), variables=variables, started=60)
    assert session_of(inside, at_work) == ("claude-9", True)
    assert session_of(Party(project=SHOP, lineage=(160, 100, 1)), at_work) == (
        "claude, pid 100",
        True,
    )
    orphan = Party(project=SHOP, lineage=(300, 1), variables=variables, started=60)
    assert session_of(orphan, at_work) == ("claude-9", True)
    # What runs longer than the agent cannot be a child of it.
    older = Party(project=SHOP, lineage=(300, 1), variables=variables, started=40)
    assert session_of(older, at_work) == ("claude-9", False)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("claude-1a2", True), ("qwen-x", True), ("claude", False), ("claude-", False),
     ("default", False), ("ldpreload-17", False)],
)  # fmt: skip
def test_a_session_is_told_by_its_name(name: str, *, expected: bool) -> None:
    assert is_session(name) is expected


def test_a_session_has_started_what_is_below_it_in_whatever_project() -> None:
    elsewhere = Party(project=BLOG, lineage=(160, 100, 1))
    assert has_started(CALLER, elsewhere, CROWD)
    assert not has_started(CALLER, Party(project=SHOP, lineage=(300, 200, 1)), CROWD)
    terminal = Party(project=SHOP, lineage=(900, 1))
    assert not has_started(terminal, terminal, CROWD)
