"""What stands behind a name in a project's files: package.json, Makefile, Procfile, compose files.

Covers `files`, `script_names`, `recipes`, `compose`, `containers` and `images`, with whole lines.
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping, Sequence

import pytest

from styxy.core.commands.classify import classify
from styxy.core.commands.project.compose import interpolated, published_port, read_yaml
from styxy.core.commands.project.images import known_image
from styxy.core.commands.project.script_names import kind_of_script
from styxy.core.model.service_types import Catalogue


class Files:
    """A project in memory; paths as they are from where the line runs."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = {posixpath.normpath(path): text for path, text in texts.items()}

    def read(self, path: str) -> str | None:
        """Give the text of a file."""
        return self._texts.get(posixpath.normpath(path))

    def folders(self, path: str) -> Sequence[str]:
        """Name the directories in a directory."""
        prefix = posixpath.normpath(path) + "/"
        inside = [each.removeprefix(prefix) for each in self._texts if each.startswith(prefix)]
        return sorted({each.partition("/")[0] for each in inside if "/" in each})


def package(**scripts: str) -> str:
    """A package.json with these scripts."""
    return json.dumps({"name": scripts.pop("name", "x"), "scripts": scripts})


def servers(line: str, texts: Mapping[str, str]) -> list[tuple[str, int | None, str]]:
    """What a line serves in a project."""
    found = classify(line, project=Files(texts)).servers
    return [(each.service_type, each.port, each.program) for each in found]


PACKAGE = {
    "package.json": package(
        dev="next dev -p 3010",
        start="node server.js",
        build="next build",
        storybook="storybook dev",
        all="npm-run-all --parallel dev api",
        api="cross-env PORT=4000 nodemon api/server.js",
        again="npm run again",
        stop="kill $(lsof -ti:3010)",
        plain="vite",
    )
}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("npm run dev", [("dev", 3010, "next")]),
        ("npm run dev -- -p 3011", [("dev", 3011, "next")]),
        ("npm run plain -- --port 3012", [("dev", 3012, "vite")]),
        ("npm run plain --port 3012", [("dev", 5173, "vite")]),
        ("yarn plain --port 3012", [("dev", 3012, "vite")]),
        ("pnpm run plain --port '30 12'", [("dev", None, "vite")]),
        ("npm run storybook", [("storybook", 6006, "storybook")]),
        ("npm run all", [("dev", 3010, "next"), ("dev", 4000, "api/server.js")]),
        ("PORT=3013 npm start", [("dev", 3013, "server.js")]),
        ("npm run build", []),
        ("npm run absent", []),
        ("npm run again", []),
        ("cd web && npm run dev", [("dev", 3010, "next")]),
        ("concurrently npm:dev npm:api", [("dev", 3010, "next"), ("dev", 4000, "api/server.js")]),
        ("bun run dev", [("dev", 3010, "next")]),
        ("node --run dev", [("dev", 3010, "next")]),
        ("yarn vite --port 3014", [("dev", 3014, "vite")]),
        ("pnpm next dev", [("dev", 3000, "next")]),
        ("bun run vite", [("dev", 5173, "vite")]),
        ("start-server-and-test start 3015 test", [("dev", 3015, "server.js")]),
        ("cd $UNKNOWN && npm run dev", [("dev", None, "npm")]),
    ],
)
def test_scripts_are_looked_up(line: str, expected: list[tuple[str, int | None, str]]) -> None:
    assert servers(line, PACKAGE) == expected


def test_a_script_may_end_something() -> None:
    [kill] = classify("npm run stop", project=Files(PACKAGE)).kills
    assert kill.ports == (3010,)


@pytest.mark.parametrize(
    "line",
    [
        "./kill.sh 80",
        "bash bin/../kill.sh",
        "source kill.sh",
        ". ./kill.sh 80",
        "set -e; . kill.sh",
    ],
)
def test_a_file_of_commands_is_read_whatever_its_name_and_however_it_is_run(line: str) -> None:
    [kill] = classify(line, project=Files({"kill.sh": "kill $(lsof -ti:3010)"})).kills
    assert kill.ports == (3010,)
    assert kill.pids == ()


def test_start_without_a_script_runs_the_server_file() -> None:
    assert servers("npm start", {"package.json": "{}", "server.js": ""}) == [
        ("dev", None, "server.js")
    ]
    assert servers("npm start", {"package.json": "{}"}) == []


WORKSPACE = {
    "package.json": json.dumps({"workspaces": ["apps/*"], "scripts": {"dev": "turbo run dev"}}),
    "apps/web/package.json": package(name="@acme/web", dev="next dev --port 3001"),
    "apps/docs/package.json": package(name="docs", dev="astro dev"),
    "apps/lib/package.json": package(name="lib", build="tsc"),
}


@pytest.mark.parametrize(
    ("line", "ports"),
    [
        ("npm run dev", [4321, 3001]),
        ("turbo dev", [4321, 3001]),
        ("turbo run dev --filter=@acme/web", [3001]),
        ("turbo run dev --filter web", [3001]),
        ("npm run dev -w @acme/web", [3001]),
        ("npm run dev --workspace=apps/docs", [4321]),
        ("npm run dev --workspaces", [4321, 3001]),
        ("yarn workspace @acme/web dev", [3001]),
        ("yarn workspaces foreach -A run dev", [4321, 3001]),
        ("pnpm --filter docs dev", [4321]),
        ("pnpm -r dev", [4321, 3001]),
        ("npm --prefix apps/web run dev", [3001]),
        ("cd apps/docs && pnpm dev", [4321]),
        ("lerna run dev --scope=docs", [4321]),
        ("nx run web:dev", [3001]),
        ("nx dev docs", [4321, 3001]),
    ],
)
def test_packages_of_a_workspace_are_found(line: str, ports: list[int]) -> None:
    assert [port for _, port, _ in servers(line, WORKSPACE)] == ports


def test_a_workspace_of_pnpm_is_found() -> None:
    texts = {**WORKSPACE, "package.json": "{}"}
    texts["pnpm-workspace.yaml"] = "packages:\n  - 'apps/*'\n"
    assert servers("pnpm --filter docs dev", texts) == [("dev", 4321, "astro")]


MAKEFILE = """
PORT ?= 8000
APP := app.main:app
export HOST = x

.PHONY: dev
all: dev
dev: deps db ## run it
\t@echo starting $(APP)
\t-PORT=$(PORT) uvicorn $(APP) \\
\t  --port $(PORT)
db:
\tredis-server --port 6399 &
web: ; npx vite
stop:
\tkill $$(cat server.pid)
loop:
\t$(MAKE) dev
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("make dev", [("api", 8000, "uvicorn"), ("infrastructure", 6399, "redis-server")]),
        ("make dev PORT=81", [("api", 81, "uvicorn"), ("infrastructure", 6399, "redis-server")]),
        ("make web", [("dev", 5173, "vite")]),
        ("make -C . web", [("dev", 5173, "vite")]),
        ("make", [("api", 8000, "uvicorn")]),
        ("make absent", []),
        ("make -n web", []),
        ("make loop", []),
        ("make -f other web", [("dev", None, "make")]),
    ],
)  # fmt: skip
def test_targets_are_looked_up_one_level_deep(
    line: str, expected: list[tuple[str, int | None, str]]
) -> None:
    assert servers(line, {"Makefile": MAKEFILE}) == expected


def test_variables_that_multiply_come_to_an_end() -> None:
    lines = [f"V{each} = " + f"$(V{each + 1})" * 500 for each in range(9)]
    text = "\n".join([*lines, "V9 = x", "dev:", "\t$(V0)", "\tvite"])
    assert len(servers("make dev", {"Makefile": text})) <= 1


def test_files_are_read_once() -> None:
    class Counted(Files):
        count = 0

        def read(self, path: str) -> str | None:
            Counted.count += 1
            return super().read(path)

    classify("npm run dev; " * 500, project=Counted(PACKAGE))
    assert Counted.count == 1


def test_a_target_may_end_something() -> None:
    [kill] = classify("make stop", project=Files({"Makefile": MAKEFILE})).kills
    assert kill.pids == ("@server.pid",)


PROCFILE = (
    "# all\nweb: gunicorn app:app -b 0.0.0.0:$PORT\nworker: celery -A x worker\nvite: npx vite\n"
)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("foreman start", [("api", 5000, "gunicorn"), ("dev", 5173, "vite")]),
        ("foreman start -p 7000 web", [("api", 7000, "gunicorn")]),
        ("honcho start web", [("api", 5000, "gunicorn")]),
        ("heroku local web", [("api", 5006, "gunicorn")]),
        ("overmind start -f Other", [("dev", None, "overmind")]),
        ("foreman check", []),
        ("foreman run vite", [("dev", 5173, "vite")]),
    ],
)
def test_lines_of_a_procfile_are_looked_up(
    line: str, expected: list[tuple[str, int | None, str]]
) -> None:
    assert servers(line, {"Procfile": PROCFILE}) == expected


COMPOSE = """
version: "3.9"  # old
x-common: &common
  restart: always
services:
  web:
    <<: *common
    build: .
    command: >
      npm run dev
    ports:
      - "3000:3000"
      - 127.0.0.1:9229:9229
      - "8080"
  db:
    image: postgres:16-alpine
    environment: {POSTGRES_PASSWORD: x}
    ports: ["${DB_PORT:-5433}:5432"]
  cache:
    image: 'redis'
    ports:
    - target: 6379
      published: "6390"
  worker:
    image: busybox
networks:
  default:
"""


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "docker compose up",
            [("api", 3000), ("api", 9229), ("database", 5433), ("infrastructure", 6390)],
        ),
        ("docker-compose up -d db cache", [("database", 5433), ("infrastructure", 6390)]),
        ("DB_PORT=5440 docker compose up db", [("database", 5440)]),
        ("docker compose -f compose.yaml up --build web", [("api", 3000), ("api", 9229)]),
        ("docker compose up worker", []),
        ("docker compose run --service-ports web", [("api", 3000), ("api", 9229)]),
        ("docker compose run web sh", []),
        ("docker compose down", []),
        ("docker compose -f absent.yaml up", [("api", None)]),
    ],
)
def test_published_ports_of_a_compose_file_are_found(
    line: str, expected: list[tuple[str, int | None]]
) -> None:
    assert [each[:2] for each in servers(line, {"compose.yaml": COMPOSE})] == expected


@pytest.mark.parametrize(
    "text",
    [
        *("", ":", "- ", "a: [", "services:\n  - x", "services: 1", "a:\n\tb: c", "{{", "'"),
        "a: &b\nc: *b",
        "a:\n" + "".join(" " * level + "b:\n" for level in range(1, 200)),
    ],
)
def test_a_compose_file_that_is_none_stops_nobody(text: str) -> None:
    read_yaml(text)
    assert len(servers("docker compose up", {"compose.yaml": text})) <= 1


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("3000:80", 3000),
        ("127.0.0.1:3000:80/tcp", 3000),
        ("3000-3001:80-81", 3000),
        ("80", None),
        ("127.0.0.1::80", None),
        ("x:80", None),
        ("", None),
    ],
)
def test_the_port_of_this_machine_is_read(text: str, port: int | None) -> None:
    assert published_port(text) == port


def test_variables_of_a_compose_file_have_defaults() -> None:
    known = {"A": "1"}
    assert interpolated("${A}:${B:-2}:${C}", known) == "1:2:"
    assert interpolated("$A:80", known) == "1:80"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("docker run -p 3000:80 -p 3001:81 x", [("api", 3000), ("api", 3001)]),
        ("docker run -itp 3000:80 x", [("api", 3000)]),
        ("docker run -P nginx", []),
        ("docker run -p 80 nginx", []),
        ("docker run -e A=1 --name x -p 3000:80 y -p 9:9", [("api", 3000)]),
        ("docker container run -p 3000:80 x", [("api", 3000)]),
        ("docker --context c run -p 3000:80 x", [("api", 3000)]),
        ("docker run --network host redis", [("infrastructure", 6379)]),
        ("docker run --net=host x", []),
        ("docker run -p $P:80 x", [("api", None)]),
        ("podman run -p 5433:5432 docker.io/library/postgres@sha256:0", [("database", 5433)]),
        ("docker run --help", []),
        ("docker start web", []),
    ],
)
def test_published_ports_of_a_container_are_found(
    line: str, expected: list[tuple[str, int | None]]
) -> None:
    assert [(each.service_type, each.port) for each in classify(line).servers] == expected


@pytest.mark.parametrize(
    ("image", "kind"),
    [
        ("postgres", "database"),
        ("timescale/timescaledb:2-pg16", "database"),
        ("mcr.microsoft.com/mssql/server:2022-latest", "database"),
        ("localhost:5000/redis", "infrastructure"),
        ("vaultwarden/server", "api"),
        ("my-app", "api"),
    ],
)
def test_an_image_is_known_by_its_last_name(image: str, kind: str) -> None:
    assert known_image(image)[0] == kind
    assert kind in Catalogue()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("dev", "dev"),
        ("start:dev", "dev"),
        ("serve", "dev"),
        ("preview", "dev"),
        ("client", "dev"),
        ("dev:api", "api"),
        ("start-storybook", "storybook"),
        ("docs:dev", "docs"),
        ("docs", None),
        ("build", None),
        ("build:dev", None),
        ("test:server", None),
        ("watch", None),
        ("", None),
    ],
)
def test_the_name_of_a_script_promises_a_type(name: str, kind: str | None) -> None:
    assert kind_of_script(name) == kind
