"""What a command line tells of a program: its name, and the service type that it is known for."""

from __future__ import annotations

import pytest

from styxy.core.commands.programs import (
    program_of,
    runs_scripts,
    script_of,
    service_type_of_program,
)


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (("npm run dev",), "npm"),
        (("node", "/usr/bin/npm-cli.js", "run"), "npm"),
        (("/usr/bin/python3.11", "-u", "app.py"), "app"),
        (("python3",), "python3"),
        (("/usr/bin/python3", "-c", "import http.server"), "python3"),
        (("python3", "-u", "-c", "import http.server"), "python3"),
        (("node", "-e", "require('http')"), "node"),
        (("-zsh",), "zsh"),
        (("/opt/my tools/serve",), "serve"),
        ((), ""),
    ],
)
def test_a_program_has_the_name_that_people_use(words: tuple[str, ...], name: str) -> None:
    assert program_of(words) == name


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("python3 -m http.server 8000", "dev"),
        ("python3.11 -u -m http.server", "dev"),
        ("/venv/bin/python /venv/bin/uvicorn main:app --reload", "api"),
        ("python3 -m uvicorn main:app", "api"),
        ("pypy3 -m http.server", "dev"),
        ("python manage.py runserver", "api"),
        ("/venv/bin/python3 /venv/bin/jupyter-lab --no-browser", "ui"),
        ("node /app/node_modules/.bin/vite", "dev"),
        ("node /app/node_modules/vite/bin/vite.js --port 5180", "dev"),
        ("node /app/node_modules/react-scripts/scripts/start.js", "dev"),
        ("node /app/node_modules/@storybook/cli/bin/index.js dev", "storybook"),
        ("node /app/node_modules/storybook/bin/index.cjs dev -p 6006", "storybook"),
        ("node --watch server.js", "dev"),
        ("node server.js", "dev"),
        ("npm run dev", "dev"),
        ("npm start", "dev"),
        ("npm run storybook", "storybook"),
        ("npm run --silent storybook", "storybook"),
        ("node /usr/lib/node_modules/npm/bin/npm-cli.js run storybook", "storybook"),
        ("pnpm storybook", "storybook"),
        ("yarn run storybook", "storybook"),
        ("node -c vite", "dev"),
        ("/usr/bin/nodejs server.js", "dev"),
        ("deno run --allow-net server.ts", "dev"),
        ("redis-server", "infrastructure"),
        ("php -S localhost:8000", "api"),
        ("php8.2 artisan serve", "api"),
        ("ruby bin/rails server", "api"),
        ("mongod --port 27018", "database"),
        ("/usr/lib/postgresql/15/bin/postgres -D data", "database"),
        ("redis-server --port 6380", "infrastructure"),
        ("ollama serve", "ai"),
        ("kafka-server-start.sh config/server.properties", "messaging"),
    ],
)
def test_a_server_is_known_for_its_kind(line: str, kind: str) -> None:
    assert service_type_of_program(line.split()) == kind


@pytest.mark.parametrize(
    ("title", "kind"),
    [
        ("next-server (v14.2.3)", "dev"),
        ("npm run dev", "dev"),
        ("npm run storybook", "storybook"),
        ("redis-server *:6379", "infrastructure"),
        ("/usr/bin/redis-server 127.0.0.1:6379", "infrastructure"),
        ("gunicorn: master [app:app]", "api"),
        ("nginx: master process nginx -g daemon off;", "proxy"),
    ],
)
def test_a_server_that_sets_its_title_is_known_by_it(title: str, kind: str) -> None:
    assert service_type_of_program([title]) == kind


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("",),
        ("./tool", "next"),
        ("python3", "tool.py"),
        ("python3", "-c", "import vite"),
        ("python3", "-c", "vite"),
        ("pypy3", "-c", "vite"),
        ("python3", "-m"),
        ("python3", "-m", "uvicorn.py"),
        ("python3", "/srv/vite/tool.py"),
        ("ruby", "tool.rb", "rails"),
        ("sh", "-c", "vite"),
        ("grep", "-r", "flask", "src"),
    ],
)
def test_words_that_only_mention_a_server_tell_nothing(words: tuple[str, ...]) -> None:
    assert service_type_of_program(words) is None


@pytest.mark.parametrize(
    ("line", "script"),
    [
        ("python app.py 8000", ("app.py",)),
        ("python3.11 -m http.server 8000", ("-m", "http.server")),
        ("node --inspect server.js", ("server.js",)),
        ("java -jar app.jar", ("-jar", "app.jar")),
        ("java Main", ("-main", "Main")),
        ("java -cp a.jar:b.jar Main", ("-main", "Main")),
        ("node -r ts-node/register server.ts", ("server.ts",)),
        ("php -r code", ("-r", "code")),
        ("python -c pass", ("-c", "pass")),
        ("redis-server 6379", ()),
        ("python", ()),
    ],
)
def test_what_an_interpreter_runs_is_told(line: str, script: tuple[str, ...]) -> None:
    assert script_of(line.split()) == script


@pytest.mark.parametrize(
    ("executable", "is_so"),
    [
        ("/usr/bin/python3.11", True),
        ("/usr/bin/node", True),
        ("/usr/lib/jvm/java-17/bin/java", True),
        ("/usr/bin/dotnet", True),
        ("/usr/sbin/nginx", False),
        ("/shop/target/debug/shop", False),
    ],
)
def test_who_runs_scripts_says_nothing_by_its_own_name(executable: str, is_so: bool) -> None:
    assert runs_scripts(executable) == is_so
