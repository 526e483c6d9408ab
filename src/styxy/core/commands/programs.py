"""Identify a running program by the words of its command line: its name and its service type.

Only what /proc shows is used, so interpreters are looked through: the script or module that they
run names the program.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

INTERPRETERS = ("bun", "deno", "node", "nodejs", "perl", "php", "pypy", "python", "ruby")
"""Interpreters, which are identified by their script; a version may follow (`python3.11`)."""

PACKAGE_RUNNERS = ("bun", "npm", "pnpm", "yarn")
"""Programs that are known for the package script that they run."""

_SERVERS: dict[str, str] = {
    "dev": """
        astro elm expo gatsby http-server http.server live-server metro next
        next-server ng node nodejs npm nuxt nuxi nx parcel pnpm react-native react-scripts remix
        rsbuild serve trunk turbo vite vue-cli-service webpack webpack-dev-server yarn
    """,
    "api": """
        artisan bun deno dotnet fastapi flask ghost granian gunicorn hypercorn json-server
        keystone manage nest php puma rackup rails strapi unicorn uvicorn
    """,
    "storybook": "start-storybook storybook styleguidist",
    "test": "chromedriver cypress geckodriver karma playwright selenium-standalone vitest",
    "docs": """
        docusaurus gitbook hugo jekyll mkdocs pydoc sphinx-autobuild vitepress vuepress
    """,
    "database": """
        cockroach couchdb influxd mariadbd mongod mysqld postgres postmaster
    """,
    "hub": "firebase",
    "infrastructure": "etcd keydb-server memcached redis-server valkey-server",
    "messaging": "kafka-server-start mosquitto nats-server rabbitmq-server",
    "functions": "netlify sam serverless vercel workerd wrangler",
    "auth": "kc keycloak oauth2-proxy",
    "monitoring": "grafana grafana-server jaeger-all-in-one prometheus tensorboard",
    "proxy": "browser-sync caddy envoy haproxy kubectl mitmproxy nginx ngrok traefik",
    "build": "esbuild",
    "ai": "chroma llama-server ollama vllm",
    "ui": "jupyter jupyter-lab jupyter-notebook streamlit",
}

SERVICE_TYPES: dict[str, str] = {
    name: kind for kind, names in _SERVERS.items() for name in names.split()
}
"""The service type of each known server program, by name."""

_ENDINGS = re.compile(r"\.(js|cjs|mjs|ts|py|rb|sh|exe)$")
_VERSION = re.compile(r"[\d.]+$")
_PACKAGE = re.compile(r".*/node_modules/((?:@[^/]+/)?[^/]+)/")


def program_of(words: Sequence[str]) -> str:
    """Name a program as people do: `npm` for `node /usr/lib/npm-cli.js`, `bash` for `-bash`."""
    names = [_stem(word) for word in _titled(words)]
    if not names:
        return ""
    if _is_interpreter(names[0]):
        script = next((name for name in names[1:] if not name.startswith("-")), names[0])
        return script.removesuffix("-cli")
    return names[0].removeprefix("-")


def service_type_of_program(words: Sequence[str]) -> str | None:
    """Return the service type of a server started with this command line, or None if unknown.

    A program that binds a port is a server, so its name is enough: subcommands are ignored.
    """
    return next((SERVICE_TYPES[name] for name in _names(words) if name in SERVICE_TYPES), None)


def _names(words: Sequence[str]) -> Iterator[str]:
    """Iterate over the names a program could be known by, the most specific first."""
    first, *rest = _titled(words) or [""]
    program = _stem(first).partition(" ")[0].rstrip(":")
    if _is_interpreter(program):
        program = _VERSION.sub("", program)
        yield from _script_names(program, rest)
    if program in PACKAGE_RUNNERS:
        yield from _package_script(rest)
    yield program


def _package_script(words: Sequence[str]) -> Iterator[str]:
    """Yield the package script that is run: `storybook` for `npm run storybook`."""
    operands = (word for word in words if not word.startswith("-"))
    first = next(operands, "")
    yield next(operands, "") if first in ("run", "run-script") else first


def _script_names(interpreter: str, words: Sequence[str]) -> Iterator[str]:
    operands = iter(words)
    for word in operands:
        if interpreter in ("python", "pypy") and word in ("-m", "-c"):
            yield next(operands, "") if word == "-m" else ""
            return
        if not word.startswith("-"):
            if _stem(word).removesuffix("-cli") in PACKAGE_RUNNERS:
                yield from _package_script(list(operands))
            yield _stem(word)
            # The script of a package may have any name: node_modules/next/dist/bin/next.js.
            if package := _PACKAGE.match(word):
                yield package[1].rpartition("/")[2]
            return


def _titled(words: Sequence[str]) -> list[str]:
    # A program that sets its title writes one long word: "npm run dev".
    if len(words) == 1 and " " in words[0] and not words[0].startswith("/"):
        return words[0].split()
    return list(words)


def _stem(word: str) -> str:
    return _ENDINGS.sub("", word.rpartition("/")[2])


def _is_interpreter(name: str) -> bool:
    return _VERSION.sub("", name) in INTERPRETERS
