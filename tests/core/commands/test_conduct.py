"""What programs do on a taken port, by command line and environment, and what is typed instead.

Also tests `remedy`.
"""

from __future__ import annotations

from typing import get_args

import pytest

from styxy.core.commands.conduct import Command, Habit, habit_of, variables_of_ports
from styxy.core.config.configuration import OnConflict
from styxy.core.model.programs import Learned

BIN = "/shop/node_modules/.bin"
CRA = "node /shop/node_modules/react-scripts/scripts/start.js"


def habit(asked: int, *lines: str, **more: object) -> Habit:
    """Tell the habit of the first of some command lines, each the parent of the one before."""
    variables = {name: str(value) for name, value in more.items() if name.isupper()}
    lineage = [Command(words=tuple(line.split()), variables=variables) for line in lines]
    return habit_of(
        asked,
        lineage,
        has_terminal=bool(more.get("has_terminal")),
        is_stepping=bool(more.get("is_stepping")),
        learned=next((each for each in get_args(Learned) if each == more.get("learned")), None),
    )


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (8897, "/v/bin/python /v/bin/jupyter-lab --port 8897"),
        (8888, "/v/bin/python -m jupyterlab"),
        (8897, "/v/bin/python -m jupyter_server --port 8897"),
        (8501, "/v/bin/python /v/bin/streamlit run app.py"),
        (5173, f"node {BIN}/vite"),
        (3050, f"node {BIN}/vite --port 3050"),
        (3001, f"node {BIN}/vite"),  # by its configuration
        (8080, f"node {BIN}/webpack serve"),
        (6006, f"node {BIN}/storybook dev -p 6006 --ci"),
        (4321, f"node {BIN}/astro dev"),
        (3050, f"node {BIN}/rsbuild dev --port 3050"),
        (8787, f"node {BIN}/wrangler dev"),
        (1234, f"node {BIN}/parcel serve index.html"),
        (8080, f"node {BIN}/vue-cli-service serve"),
        (3050, f"node {BIN}/vue-cli-service serve --port 3050"),
    ],
)
def test_a_tool_that_steps_is_steered(asked: int, line: str) -> None:
    found = habit(asked, line)
    assert (found.conduct, found.must_fail) == ("steered", False)


@pytest.mark.parametrize(
    ("asked", "line"),
    [
        (8502, "python -m streamlit run app.py --server.port 8502"),
        (5173, f"node {BIN}/vite --strictPort"),
        (24678, f"node {BIN}/vite"),  # its socket for hot reload
        (9229, f"node {BIN}/vite"),
        (8080, f"node {BIN}/webpack serve --port 8080"),
        (9000, f"node {BIN}/webpack serve"),
        (8788, f"node {BIN}/wrangler dev --port 8788"),
        (3050, f"node {BIN}/serve -l 3050"),  # it looks before it binds, and not again
        (3050, f"node {BIN}/live-server --port=3050"),  # it would take any port
        (3000, "node server.js"),
        (8000, "python -m http.server 8000"),
        (8000, "./mine"),
        (8000, ""),
    ],
)
def test_a_program_that_would_end_is_moved(asked: int, line: str) -> None:
    assert habit(asked, line).conduct == "moves"


def test_a_tool_that_steps_is_steered_on_its_way() -> None:
    assert habit(8081, f"node {BIN}/webpack serve", is_stepping=True).conduct == "steered"
    assert habit(3000, f"node {BIN}/nuxt dev --port 3072").conduct == "moves"
    assert habit(3000, f"node {BIN}/nuxt dev --port 3072", is_stepping=True).conduct == "steered"


@pytest.mark.parametrize(
    ("asked", "parents", "conduct"),
    [
        (8080, (), "steered"),
        (9000, (), "moves"),  # somebody has named it
        (8080, (("sh", "-c", "webpack serve"), ("npm exec webpack serve",)), "steered"),
        (8080, (("sh", "-c", "webpack serve --port 8080"),), "moves"),
        (8080, (("npm exec webpack serve --port 8080",),), "moves"),
    ],
)
def test_a_title_that_hides_the_arguments_is_looked_through(
    asked: int, parents: tuple[tuple[str, ...], ...], conduct: str
) -> None:
    lineage = [Command(words=words) for words in (("webpack",), *parents)]
    assert habit_of(asked, lineage, has_terminal=False).conduct == conduct


def test_the_environment_counts() -> None:
    assert "PORT" in variables_of_ports()
    assert habit(3000, f"node {BIN}/next dev", PORT=3000).conduct == "moves"


def test_a_variable_may_set_where_a_tool_begins() -> None:
    words = f"node {BIN}/webpack serve"
    assert habit(8080, words, PORT=8080).conduct == "steered", "webpack does not know it"
    assert habit(3050, words, WEBPACK_DEV_SERVER_BASE_PORT=3050).conduct == "steered"
    assert "WEBPACK_DEV_SERVER_BASE_PORT" in variables_of_ports()


@pytest.mark.parametrize(
    ("asked", "line", "said"),
    [
        (3050, f"node {BIN}/webpack serve --port 3050", "pass --port {port}"),
        (3051, f"node {BIN}/webpack-dev-server --port 3051", "pass --port {port}"),
        (8081, f"node {BIN}/expo start", "pass --port {port}"),
        (24678, "node server.js", "set server.hmr.port {port}"),
        (35729, f"node {BIN}/gulp serve", "set LiveReload's port {port}"),
        (8000, "python -m http.server 8000", ""),
    ],
)
def test_who_looks_for_the_old_port_from_outside_is_known(asked: int, line: str, said: str) -> None:
    found = habit(asked, line)
    who = "devices" if "expo" in line else "pages opened outside this project"
    assert found.conduct == "moves"
    assert found.outside == (f"{who} look for {asked}, {said}" if said else "")


@pytest.mark.parametrize(
    ("asked", "lines", "conduct"),
    [
        (3005, ("next-server (v15.1.0)", f"node {BIN}/next dev -p 3005"), "moves"),
        (3000, ("next-server (v15.1.0)", f"node {BIN}/next dev"), "steered"),
        (8787, ("/m/workerd serve --binary", f"node {BIN}/wrangler dev"), "steered"),
        (3000, ("node server.js", f"node {BIN}/vite"), "moves"),
    ],
)
def test_a_tool_that_hands_over_is_known_by_its_parent(
    asked: int, lines: tuple[str, ...], conduct: str
) -> None:
    first, *rest = lines
    titled = Command(words=(first,) if "(" in first else tuple(first.split()))
    parents = [Command(words=tuple(line.split())) for line in rest]
    assert habit_of(asked, [titled, *parents], has_terminal=False).conduct == conduct


@pytest.mark.parametrize(
    ("asked", "lines", "remedy"),
    [
        (3000, (CRA, f"node {BIN}/react-scripts start", "npm start"), "PORT={port} npm start"),
        (3000, (f"node {BIN}/docusaurus start", "npm run docs"), "PORT={port} npm run docs"),
        (4200, (f"node {BIN}/ng serve", "npm start"), "npm start -- --port {port}"),
        (4200, (f"node {BIN}/ng serve", "pnpm start"), "pnpm start --port {port}"),
        (4200, (f"node {BIN}/ng serve", "-bash"), "ng serve --port {port}"),
        (
            6006,
            (f"node {BIN}/storybook dev -p 6006 --exact-port",),
            "storybook dev -p {port} --exact-port",
        ),
        (3050, (f"node {BIN}/parcel index.html -p 3050",), "parcel index.html -p {port}"),
        (3095, (f"node {BIN}/gatsby develop -p 3095",), "gatsby develop -p {port}"),
        (5006, ("python /v/bin/bokeh serve",), "bokeh serve --port {port}"),
        (3000, (f"node {BIN}/react-scripts start {'-x ' * 60}",), ""),
    ],
)
def test_who_has_nobody_to_ask_is_told_what_to_type(
    asked: int, lines: tuple[str, ...], remedy: str
) -> None:
    found = habit(asked, *lines)
    assert (found.conduct, found.must_fail, found.remedy) == ("steered", True, remedy)


def test_who_asks_on_a_terminal_need_not_fail() -> None:
    found = habit(3000, f"node {BIN}/react-scripts start", has_terminal=True)
    assert found.is_asking
    assert not found.must_fail


@pytest.mark.parametrize(
    "line",
    [
        "adb start-server",
        "adb -L tcp:5037 fork-server server --reply-fd 4",
        "/usr/lib/erlang/erts-13.1.5/bin/epmd -daemon",
    ],
)
def test_a_helper_that_all_projects_share_is_known(line: str) -> None:
    assert habit(5037, line).conduct == "shared"


def test_the_user_overrules_the_table() -> None:
    assert habit(5173, f"node {BIN}/vite", STYXY_ON_CONFLICT="move").conduct == "moves"
    assert habit(3000, "node server.js", STYXY_ON_CONFLICT="steer").conduct == "steered"
    assert habit(3000, "./mine", STYXY_ON_CONFLICT="steer").conduct == "steered"


@pytest.mark.parametrize("line", ["node server.js", "python app.py", "./mine", "node"])
def test_what_the_table_does_not_know_can_be_learned(line: str) -> None:
    assert habit(3000, line).conduct == "moves"
    steered = habit(3000, line, learned="steered")
    assert (steered.conduct, steered.must_fail, steered.is_known) == ("steered", False, False)
    assert habit(3000, line, learned="moved").conduct == "moves"
    assert habit(3000, line, learned="steered", STYXY_ON_CONFLICT="move").conduct == "moves"


def test_a_tool_of_the_table_is_moved_once_it_has_failed_to_step() -> None:
    vite = f"node {BIN}/vite"
    assert habit(5173, vite).is_known
    assert habit(5173, vite, learned="moved").conduct == "moves"
    assert habit(5173, vite, learned="moved", STYXY_ON_CONFLICT="steer").conduct == "steered"


def test_nothing_is_learned_of_what_the_table_knows_to_fail() -> None:
    assert habit(5173, f"node {BIN}/vite --strictPort", learned="steered").conduct == "moves"


def test_the_configuration_overrules_and_a_variable_overrules_it() -> None:
    wanted: dict[str, OnConflict] = {"vite": "move", "server": "steer"}

    def conduct(asked: int, line: str, **variables: str) -> str:
        lineage = [Command(words=tuple(line.split()), variables=variables)]
        return habit_of(asked, lineage, has_terminal=False, wanted=wanted.get).conduct

    assert conduct(5173, f"node {BIN}/vite") == "moves"
    assert conduct(3000, "node server.js") == "steered"
    assert conduct(3000, "node other.js") == "moves"
    assert conduct(5173, f"node {BIN}/vite", STYXY_ON_CONFLICT="steer") == "steered"
    assert conduct(3000, "node server.js", STYXY_ON_CONFLICT="move") == "moves"
