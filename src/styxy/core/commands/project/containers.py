"""Containers: the ports that `docker run -p` and compose files publish, typed by their images."""

from __future__ import annotations

import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING

from styxy.core.commands.project.compose import published_port, services_of
from styxy.core.commands.project.files import nearest
from styxy.core.commands.project.images import known_image
from styxy.core.commands.shell.scope import joined
from styxy.core.commands.tools.servers import Server, asks_for_information

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from styxy.core.commands.project.compose import Service
    from styxy.core.commands.project.files import Project
    from styxy.core.commands.shell.fields import Invocation

ENGINES = ("docker", "podman", "nerdctl", "finch")
COMPOSERS = ("docker-compose", "podman-compose")
COMPOSE_FILES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
_RUN_VALUES = """
-a -c -e -h -l -m -u -v -w -p --name --env --env-file --volume --mount --network --net --user
--label --workdir --entrypoint --hostname --link --restart --memory --cpus --platform --pull
--add-host --dns --expose --gpus --device --cap-add --cap-drop --security-opt --shm-size --tmpfs
--ulimit --pid --ipc --log-driver --log-opt --health-cmd --network-alias --ip --stop-signal
--stop-timeout --cidfile --group-add --userns --pod --secret --annotation --init-path --runtime
--attach --publish
"""
RUN_VALUES = frozenset(_RUN_VALUES.split())
_COMPOSE_VALUES = """
-f --file -p --project-name --profile --env-file --project-directory --ansi --progress --parallel
"""
COMPOSE_VALUES = frozenset(_COMPOSE_VALUES.split())
_UP_VALUES = "--scale -t --timeout --pull --exit-code-from --attach --no-attach --wait-timeout"
UP_VALUES = frozenset(_UP_VALUES.split())


def servers_of_container(
    program: str, invocation: Invocation, project: Project
) -> list[Server] | None:
    """Return what a container engine starts, or None if the program is not one."""
    words = invocation.texts[1:]
    if program in COMPOSERS:
        return _composed(words, invocation, project)
    if program not in ENGINES:
        return None
    while words and words[0].startswith("-"):
        takes_value = words[0] in (
            "-H",
            "--host",
            "--context",
            "-c",
            "--config",
            "-l",
            "--log-level",
        )
        words = words[2 if takes_value else 1 :]
    if words[:1] == ["compose"]:
        return _composed(words[1:], invocation, project)
    if words[:1] == ["container"]:
        words = words[1:]
    if words[:1] != ["run"] or asks_for_information(words[1:3]):
        return []
    return list(_run(program, words[1:]))


def _run(program: str, words: Sequence[str]) -> Iterator[Server]:
    published: list[str] = []
    network = image = ""
    is_background = bool({"-d", "--detach"} & set(words))
    rest = iter(words)
    for word in rest:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            image = word
            break
        if flag in ("-p", "--publish"):
            published.append(value if equals else next(rest, ""))
        elif flag in ("--network", "--net"):
            network = value if equals else next(rest, "")
        elif _publishes_shortly(word):
            inline = word.partition("p")[2]
            published.append(inline or next(rest, ""))
        elif flag in RUN_VALUES and not equals:
            next(rest, None)
    if not image:
        return
    kind, inside = known_image(image)
    for each in published:
        port = published_port(each)
        if port or ":" in each:
            yield Server(
                service_type=kind,
                port=port,
                program=program,
                where="-p",
                is_background=is_background,
            )
    if network == "host" and inside:
        yield Server(service_type=kind, port=inside, program=program, where="default")


def _publishes_shortly(word: str) -> bool:
    """Return whether short flags end in `p`: `-dp 80:80`, `-itp80:80`."""
    letters, found, inline = word[1:].partition("p")
    return (
        bool(found) and word[1] != "-" and set(letters) <= set("ditPqt")
        and (not inline or inline[0].isdigit())
    )  # fmt: skip


def _composed(words: Sequence[str], invocation: Invocation, project: Project) -> list[Server]:
    if asks_for_information(words):
        return []
    directory, files = invocation.directory, list[str]()
    rest = iter(words)
    verb = ""
    for word in rest:
        flag, equals, value = word.partition("=")
        if not word.startswith("-"):
            verb = word
            break
        if flag in COMPOSE_VALUES and not equals:
            value = next(rest, "")
        if flag in ("-f", "--file"):
            files.append(value)
        elif flag == "--project-directory":
            directory = joined(directory, value)
    if verb not in ("up", "start", "watch", "run"):
        return []
    left = list(rest)
    if verb == "run" and "--service-ports" not in left and "-P" not in left:
        return []
    texts = _texts(directory, files, project)
    found = _published(texts, _named(left), invocation)
    if not texts and verb != "run":
        found = [Server(service_type="api", program="docker compose")]
    is_background = verb == "start" or bool({"-d", "--detach"} & set(left))
    return [replace(each, is_background=is_background) for each in found]


def _texts(directory: str | None, files: Sequence[str], project: Project) -> list[str]:
    if directory is None:
        return []
    if not files:
        found = nearest(project, directory, COMPOSE_FILES)
        return [found[1]] if found else []
    texts = (project.read(posixpath.join(directory, each)) for each in files)
    return [text for text in texts if text is not None]


def _named(words: Sequence[str]) -> tuple[str, ...]:
    names: list[str] = []
    rest = iter(words)
    for word in rest:
        if word in UP_VALUES:
            next(rest, None)
        elif not word.startswith("-"):
            names.append(word)
    return tuple(names)


def _published(texts: Sequence[str], names: Sequence[str], invocation: Invocation) -> list[Server]:
    variables = {name: value.text for name, value in invocation.variables.items()}
    services: dict[str, Service] = {}
    for text in texts:
        services |= {each.name: each for each in services_of(text, variables)}
    return [
        Server(
            service_type=known_image(each.image or each.name)[0],
            port=port,
            program=each.name,
            where="compose file",
        )
        for each in _wanted(services, names)
        for port in each.published
    ]


def _wanted(services: Mapping[str, Service], names: Sequence[str]) -> list[Service]:
    return [each for each in services.values() if not names or each.name in names]
