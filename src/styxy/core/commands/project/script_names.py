"""Tables of script names and of the words that package managers know."""

from __future__ import annotations


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


NPM_VERBS = _words("run run-script rum urn")
LIFECYCLE = _words("start restart test t stop")
"""Scripts that npm runs without `run`."""

DIRECTORY_FLAGS = _words("--prefix -C --dir --cwd")
PACKAGE_FLAGS = _words("-w --workspace --filter -F --scope -p --projects")
EVERYWHERE_FLAGS = _words("-r --recursive -ws --workspaces -A --all")
VALUE_FLAGS = _words(
    """
    --loglevel --userconfig --reporter --concurrency --env-mode --cache-dir --parallel-count
    --workspace-concurrency --config -t --target --targets --configuration -c --env-file
    --log-order --ui
    """
)
"""Flags of managers and task runners that take a value."""

OWN_COMMANDS = {
    "pnpm": _words(
        """
        install i add remove rm un uninstall update up upgrade link ln unlink import rebuild rb
        prune fetch dedupe patch patch-commit audit list ls la ll outdated why licenses exec dlx
        create publish pack store config c env setup init deploy doctor root bin completion help
        self-update approve-builds server cache login logout whoami view info get set test t
        """
    ),
    "yarn": _words(
        """
        add install remove up upgrade upgrade-interactive init info why dlx exec node config cache
        link unlink pack publish set version versions workspaces workspace plugin patch import
        global audit list outdated create login logout help bin check generate-lock-entry policies
        rebuild constraints dedupe explain npm search stage tag team owner test
        """
    ),
    "bun": _words(
        """
        install i add a remove rm update link unlink pm build init create c test x upgrade
        outdated publish audit repl exec patch why info discord help
        """
    ),
}
"""Words after a manager's name that are its own commands, not scripts."""

TASK_RUNNERS = _words("turbo nx lerna moon wsrun ultra rush rushx wireit")
NAMED_RUNNERS = _words("just task go-task invoke inv composer rake mage poe doit nox bnr")
"""Runners whose files are not read; only the task's name is known."""

NOT_SERVING = _words(
    """
    build test tests lint format fmt check typecheck types clean install deploy publish release
    e2e generate gen migrate seed setup stop kill down logs prepare compile bundle export ci
    coverage prebuild postinstall predev prestart upgrade update validate doctor unit analyze
    """
)
"""Words that mean that a script does something else: `build:dev`, `test:server`."""

SERVING = {
    **dict.fromkeys(_words("dev start serve server preview develop devserver runserver"), "dev"),
    **dict.fromkeys(_words("web frontend client local up"), "dev"),
    **dict.fromkeys(_words("api backend"), "api"),
    **dict.fromkeys(_words("storybook sb styleguide ladle"), "storybook"),
    "docs": "docs",
}
"""Words in a script's name that say what it serves."""

NOT_ALONE = _words("local up sb docs")
"""Words that mean a server only together with another: `npm run docs` may build them."""


def kind_of_script(name: str) -> str | None:
    """Return the service type that the name of a script suggests, or None."""
    words = name.lower().replace(":", "-").replace("_", "-").replace(".", "-").split("-")
    if any(word in NOT_SERVING for word in words):
        return None
    known = [word for word in words if word in SERVING]
    if all(word in NOT_ALONE for word in known):
        return None
    return next((SERVING[word] for word in known if SERVING[word] != "dev"), "dev")
