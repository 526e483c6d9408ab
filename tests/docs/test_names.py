"""What exists is named: each command, operation, field, setting, variable and error code has its
place in the documents, and what is derived from the code is up to date.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from scripts.tables import Options, anchor, filled
from styxy.client.cli.main import all_commands
from styxy.client.doctor.checks import CHECKS
from styxy.core.config.environment import VARIABLES
from styxy.core.config.settings_table import SETTINGS
from styxy.core.errors import all_errors
from styxy.core.protocol.audit.shapes import EventWord
from styxy.core.protocol.instances import RegisteredInstance
from styxy.core.protocol.leases import Allocation
from styxy.core.protocol.reassignments import Reassignment
from styxy.core.protocol.views.observations import Observation
from styxy.core.protocol.views.ports import SystemUsage
from styxy.server.http.app import ROUTES
from styxy.server.http.routes.call import Route
from tests.docs.pages import PAGES, ROOT, parts, text_of

DOCUMENTS = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{path.name}" for path in Path(ROOT, "docs").glob("*.md")),
)

GUIDES = [name for name in DOCUMENTS if name.startswith("docs/")]

ELSEWHERE = re.compile(r"https://[\w-]+(\.[\w-]+)+(/[\w./~%#-]*)?")
"""A link to another site: encrypted, with a whole host name, and no query that follows readers."""

COMMANDS = {command.name: command for command in all_commands()}

OPERATIONS = dict(parts("docs/http-api.md"))


def operation(route: Route) -> str:
    """The name of a test case, and of a part of the page."""
    return f"{route.method} {route.path}"


def by_hand(page: str) -> str:
    """The words of a page without the tables that are derived."""
    return re.sub(r"<!-- table: .*?<!-- end of table -->", "", text_of(page), flags=re.DOTALL)


def table_of(words: str) -> dict[str, str]:
    """The fields that a part of the page describes, each with its default."""
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \|", words, re.MULTILINE)
    return {name: default for name, _, default in rows}


@pytest.mark.parametrize("page", PAGES)
def test_what_is_derived_is_up_to_date(page: str) -> None:
    assert filled(text_of(page)) == text_of(page), "say: make docs"


@pytest.mark.parametrize("name", [command.name for command in all_commands()])
def test_each_command_has_its_place(name: str) -> None:
    words = "\n".join(by_hand(page) for page in PAGES)
    assert re.search(r"\s+".join(["styxy", *name.split()]) + r"\b", words)
    assert f"| `styxy {name}` |" in text_of("docs/usage.md")


def exists(line: str) -> bool:
    """Whether a line names a command of Styxy's, or a group of them, with options that it has."""
    words = re.split(r" -- |[|;&]", line)[0].split()[1:]
    named = (COMMANDS.get(name) for name in (" ".join(words[:2]), words[0]))
    command = next(filter(None, named), None)
    options = Options()
    if command:
        command.add_options(options)
    given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
    known = options.names | {"--help", "--json", "--no-start"}
    return given <= known and any(name.split()[0] == words[0] for name in COMMANDS)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_command_in_a_sentence_exists_with_its_options(document: str) -> None:
    text = re.sub(r"^```.*?^```", "", text_of(document), flags=re.M | re.S)
    lines = re.findall(r"`(styxy [a-z][^`]*)`", text)
    assert [line for line in lines if not exists(line)] == []


@pytest.mark.parametrize(
    "line",
    ["styxy alocate", "styxy list --nothing", "styxy stop -s dev", "styxy allocate --own=3000"],
)
def test_a_command_that_does_not_exist_is_seen(line: str) -> None:
    assert not exists(line)


@pytest.mark.parametrize("route", ROUTES, ids=operation)
def test_each_operation_is_described_with_a_runnable_example(route: Route) -> None:
    words = OPERATIONS[operation(route)]
    path = re.escape(route.path).replace(r"\{", "{").replace(r"\}", "}")
    asked = re.sub(r"{\w+}", "[^/' ?]+", path)
    typed = re.findall(r"^\$ (?:api|curl) .*$", words, re.MULTILINE)
    assert any(re.search(rf"{asked}(?=[?' ]|$)", line) for line in typed)
    if route.method not in ("GET", "POST"):
        assert any(f"-X {route.method}" in line for line in typed)


@pytest.mark.parametrize("route", ROUTES, ids=operation)
def test_each_field_that_an_operation_takes_is_described(route: Route) -> None:
    wanted = {
        field.name: field.required
        for shape in (route.body, route.query)
        if shape is not None
        for field in msgspec.structs.fields(shape)
    }
    described = table_of(OPERATIONS[operation(route)])
    if route.path == "/audit":  # where a second table has the kinds of events
        described = {name: each for name, each in described.items() if name in wanted}
    assert {name: default == "required" for name, default in described.items()} == wanted


@pytest.mark.parametrize("route", [each for each in ROUTES if each.answer], ids=operation)
def test_each_field_that_an_operation_answers_is_named(route: Route) -> None:
    words = OPERATIONS[operation(route)]
    assert route.answer
    missing = [
        field.encode_name
        for field in msgspec.structs.fields(route.answer)
        if not re.search(rf"[`\"]{field.encode_name}[`\":]", words)
    ]
    assert missing == []


@pytest.mark.parametrize("route", [each for each in ROUTES if each.errors], ids=operation)
def test_each_refusal_of_an_operation_is_named(route: Route) -> None:
    words = OPERATIONS[operation(route)].partition("Errors:")[2]
    assert [each for each in route.errors if str(each) not in words] == []


@pytest.mark.parametrize(
    "shape", [Allocation, SystemUsage, Observation, RegisteredInstance, Reassignment]
)
def test_each_shape_is_described(shape: type[msgspec.Struct]) -> None:
    page = by_hand("docs/http-api.md")
    assert [name for name in shape.__struct_fields__ if f"`{name}`" not in page] == []


@pytest.mark.parametrize("word", get_args(EventWord))
def test_each_kind_of_event_is_described(word: str) -> None:
    assert f"| `{word}` |" in OPERATIONS["GET /audit"]


@pytest.mark.parametrize("name", [each.shown for each in SETTINGS if not each.is_object])
def test_each_setting_is_described(name: str) -> None:
    assert f"| `{name}` |" in text_of("docs/configuration.md")


@pytest.mark.parametrize("name", [each.name for each in VARIABLES])
def test_each_variable_is_described(name: str) -> None:
    assert f"| `{name}` |" in text_of("docs/configuration.md")


@pytest.mark.parametrize("code", sorted({kind.code for kind in all_errors()}))
def test_each_error_code_has_its_fix(code: str) -> None:
    words = dict(parts("docs/troubleshooting.md"))[code]
    assert len(words.split()) > 8


@pytest.mark.parametrize("name", [each.name for each in CHECKS])
def test_each_check_of_the_doctor_has_its_fix(name: str) -> None:
    doctor = text_of("docs/troubleshooting.md").partition("\n## Doctor\n")[2].partition("\n## ")[0]
    assert re.search(rf"^\| `{name}` \| .+ \| .+ \|$", doctor, re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_link_leads_somewhere(document: str) -> None:
    broken = []
    for name, heading in links(document):
        path = Path(ROOT, name)
        if not path.exists() or (heading and heading not in anchors(path)):
            broken.append((name, heading))
    assert broken == []


@pytest.mark.parametrize("page", GUIDES)
def test_each_page_begins_with_what_its_reader_can_do(page: str) -> None:
    words = re.sub(r"<!--.*?-->", "", text_of(page), flags=re.DOTALL).lstrip()
    assert re.match(r"# .+\n\nAfter this page you (can|know) ", words)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_each_link_to_elsewhere_is_well_formed(document: str) -> None:
    text = re.sub(r"^```.*?^```", "", text_of(document), flags=re.M | re.S)
    targets = re.findall(r"\]\((\w+:[^)\s]*)\)", text)
    assert [each for each in targets if not ELSEWHERE.fullmatch(each)] == []


def test_each_document_is_found_from_the_readme() -> None:
    found, new = set[str](), {"README.md"}
    while new:
        found |= new
        new = {name for page in new for name, _ in links(page) if name in DOCUMENTS} - found
    assert sorted(set(DOCUMENTS) - found) == []


def links(document: str) -> list[tuple[str, str]]:
    """The files and headings of ours that a document leads to."""
    targets = re.findall(r"\]\(([^)\s]+)\)", text_of(document))
    pairs = [target.partition("#") for target in targets if "://" not in target]
    folder = Path(document).parent
    return [
        (os.path.normpath(folder / name) if name else document, heading)
        for name, _, heading in pairs
    ]


def anchors(path: Path) -> set[str]:
    """The addresses of the headings of a page."""
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.M | re.S)
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)}
