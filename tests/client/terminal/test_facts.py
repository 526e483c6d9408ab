"""What the daemon tells is kept up to date, and what is unknown or broken does no harm."""

from __future__ import annotations

from styxy.client.terminal.facts import MOST_EVENTS, Facts, PortFacts
from tests.client.terminal.overview_daemon import lease, overview, port, project


def test_a_complete_answer_replaces_everything() -> None:
    facts = Facts()
    facts.take(overview(port(3000), events=[{"seq": 1}], warnings=["full"]))
    facts.take(overview(port(3001), revision=7))
    assert (list(facts.ports), facts.events, facts.warnings) == ([3001], [], [])
    assert (facts.revision, facts.version) == (7, "1.0")


def test_a_partial_answer_changes_what_it_has() -> None:
    facts = Facts()
    facts.take(overview(port(3000), port(3001), ranges=[{"service_type": "dev"}]))
    facts.take({
        "revision": 2, "complete": False, "version": "1.0",
        "ports": [port(3002), port(3001, requested_port=3000)], "gone": [3000],
        "projects": [project("/home/ada/blog")], "events": [{"seq": 5}],
    })  # fmt: skip
    assert sorted(facts.ports) == [3001, 3002]
    assert facts.ports[3001].asked == 3000
    assert sorted(facts.projects) == ["/home/ada/blog", "/home/ada/shop"]
    assert facts.ranges == [{"service_type": "dev"}]
    facts.take({"revision": 3, "complete": False, "warnings": [], "ranges": []})
    assert (facts.ranges, facts.events) == ([], [{"seq": 5}])


def test_only_the_newest_events_are_kept() -> None:
    facts = Facts()
    for seq in range(MOST_EVENTS + 10):
        facts.take({"revision": seq, "complete": False, "events": [{"seq": seq}]})
    assert [facts.events[0]["seq"], len(facts.events)] == [10, MOST_EVENTS]


def test_a_port_is_what_listens_there_and_what_is_promised() -> None:
    both = PortFacts.of(port(3001, lease=lease("web", state="bound"), requested_port=3000))
    assert both is not None
    assert (both.server, both.pid, both.url) == ("vite", 103001, "http://localhost:3001/")
    assert (both.lease, both.lease_state, both.lock_id) == ("web", "bound", "lease-web")
    assert (both.since, both.asked, both.is_own) == (1769860800.0, 3000, True)
    promised = PortFacts.of({"port": 3002, "lease": lease()})
    assert promised is not None
    assert (promised.is_listening, promised.pid, promised.since) == (False, None, 1769860800.0)


def test_nonsense_is_left_out() -> None:
    facts = Facts()
    facts.take({
        "complete": True, "revision": "x", "ports": [{"port": "x"}, 3, {"port": 3000, "lease": 1}],
        "gone": None, "projects": "x", "warnings": "x", "events": [1],
    })  # fmt: skip
    assert (facts.revision, list(facts.ports), facts.events) == (None, [3000], [])
    assert facts.ports[3000].since is None


def test_control_characters_of_a_program_do_not_reach_the_terminal() -> None:
    entry = port(3000)
    entry["listener"]["program"] = "evil\x1b]52;c;x\x07"
    found = PortFacts.of(entry)
    assert found is not None
    assert found.server.isprintable()


def test_an_unknown_project_is_its_path() -> None:
    assert Facts().project("/srv/app").shown == "/srv/app"
