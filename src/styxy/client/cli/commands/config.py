"""config show, get, validate, set, generate, import, instances, document.

`config auto-allocation` and `config undo-auto` have a module of their own.
"""

from __future__ import annotations

import os

from styxy.client.cli.command import Command, no_options
from styxy.client.cli.commands import ranges
from styxy.client.cli.values import leasable_port, not_empty, positive_number
from styxy.core.errors import Conflict, InvalidInput, NotFound, Unavailable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import Namespace

    from styxy.client.cli.command import Caller, Parser
    from styxy.client.daemon.configuration import ConfigurationAccess

RULE_KEYS = ("auto-allocation-rule", "auto_allocation_rule")

STDOUT = "-"


def show(_options: Namespace, caller: Caller) -> int:
    """Show the configuration in force."""
    from styxy.client.text import config_text

    answer = _access(caller).show()
    caller.show(answer, config_text.shown(answer.data))
    for line in config_text.problems(answer.data):
        caller.complain(line)
    return 0


def add_get_options(parser: Parser) -> None:
    """Add the options of `config get`."""
    parser.add_argument("key", metavar="KEY", help="listen-port, service-types.dev.range ...")


def get_value(options: Namespace, caller: Caller) -> int:
    """Show the value of one setting that is in force."""
    from styxy.client.text import config_text
    from styxy.core.config.patch import find_setting

    _, names = find_setting(options.key)
    answer = _access(caller).show().data
    found, value = config_text.looked_up(answer, names)
    if not found:
        raise NotFound(f"{'.'.join(names)} is not set; see: styxy config show")
    origin = config_text.origin_of(answer, names)
    written = config_text.as_written(value)
    body = {"success": True, "key": ".".join(names), "value": written, "from": origin}
    caller.report(body, config_text.value(value))
    return 0


def add_validate_options(parser: Parser) -> None:
    """Add the options of `config validate`."""
    parser.add_argument(
        "file", metavar="FILE", nargs="?", type=not_empty, help="a file other than config.json"
    )


def validate(options: Namespace, caller: Caller) -> int:
    """List everything that is wrong with a file."""
    from styxy.adapters.config_file import load
    from styxy.client.text import config_text
    from styxy.core.config.iana import squatted
    from styxy.core.protocol.config import problem_answers

    path = os.path.abspath(options.file) if options.file else caller.paths.config_file
    loaded = load(path)
    if loaded.is_missing and options.file:
        raise NotFound(f"no such file: {path}")
    found = [
        {name: getattr(each, name) for name in each.__struct_fields__}
        for each in problem_answers(loaded.problems)
    ]
    said = config_text.problems({"problems": found})
    warnings = squatted(loaded.configuration.service_types)
    if loaded.is_missing:
        said = [f"{path} does not exist, so the built-in settings are in force"]
    elif not said:
        said = [f"{path} is valid"]
    said += [f"warning: {each}" for each in warnings]
    body = {
        "success": not found,
        "valid": not found,
        "file": path,
        "problems": found,
        "warnings": warnings,
    }
    caller.report(body, "\n".join(said))
    return 1 if found else 0


def add_set_options(parser: Parser) -> None:
    """Add the options of `config set`."""
    parser.usage = (
        "styxy config set KEY VALUE | KEY --unset |\n"
        "       auto-allocation-rule PATTERN [--chunk-size N]\n"
        "           [--preferred-range PORT] [--placement WHERE]"
    )
    parser.add_argument("key", metavar="KEY", help="auto-allocation.gap-size, listen-port ...")
    parser.add_argument("value", metavar="VALUE", nargs="?", help="JSON or a plain word")
    parser.add_argument("--unset", action="store_true", help="go back to the built-in value")
    parser.add_argument(
        "--chunk-size", metavar="N", type=positive_number, help="rule: ports in a range"
    )
    parser.add_argument(
        "--preferred-range", metavar="PORT", type=leasable_port, help="rule: first port to try"
    )
    parser.add_argument("--placement", metavar="WHERE", help="rule: after, before or smart")


def set_value(options: Namespace, caller: Caller) -> int:
    """Change one setting."""
    from styxy.client.text import config_text
    from styxy.core.config.patch import patch_of

    if options.key in RULE_KEYS:
        patch = _rule_patch(options)
    else:
        if (options.value is None) != options.unset:
            raise InvalidInput("give a value, or --unset; see: styxy config set --help")
        patch = patch_of(options.key, _value(options))
    answer = _access(caller).change(patch)
    caller.show(answer, config_text.changed(answer.data))
    return 0


def _value(options: Namespace) -> str | None:
    """Parse the value that was typed; a path is relative to the working directory."""
    from styxy.core.config.patch import find_setting

    value = options.value
    assert value is None or isinstance(value, str)
    if value in (None, "", "null", "none") or find_setting(options.key)[0].path != "port_document":
        return value
    return os.path.abspath(os.path.expanduser(value))


def _rule_patch(options: Namespace) -> dict[str, object]:
    if options.value is None:
        raise InvalidInput('name the pattern, such as "monitoring-*"')
    rule = {
        "chunk_size": options.chunk_size,
        "placement": options.placement,
        "preferred_range_start": options.preferred_range,
    }
    given = {key: value for key, value in rule.items() if value is not None}
    if bool(given) == options.unset:
        raise InvalidInput(
            "give --chunk-size, --preferred-range or --placement, or --unset to drop the rule"
        )
    return {"auto_allocation_rules": {options.value: given or None}}


def add_generate_options(parser: Parser) -> None:
    """Add the options of `config generate`."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        type=not_empty,
        help="write to FILE instead of config.json; - prints",
    )
    parser.add_argument("--force", action="store_true", help="overwrite an existing file")


def generate(options: Namespace, caller: Caller) -> int:
    """Write a complete example with the built-in values."""
    from styxy.core.config.example import example
    from styxy.core.config.patch import spelled

    text = spelled(example())
    if options.output == STDOUT:
        caller.say(text)
        return 0
    path = os.path.abspath(options.output) if options.output else caller.paths.config_file
    copy = _put(path, text + "\n", caller, force=options.force)
    said = f"wrote {path}" + (f"; previous version: {copy}" if copy else "")
    caller.report({"success": True, "file": path, "copy": copy, "message": said}, said)
    return 0


def _put(path: str, text: str, caller: Caller, *, force: bool) -> str | None:
    from styxy.adapters.config_file import ConfigFile, write_whole
    from styxy.adapters.home import private_home

    if os.path.lexists(path) and not force:
        raise Conflict(f"{path} already exists; choose another with -o, or use --force")
    if path == caller.paths.config_file:
        private_home(caller.paths.home)
        return ConfigFile(path, backups=caller.paths.backups).put(text)
    try:
        write_whole(path, text.encode())
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {error.strerror}") from None
    return None


def add_import_options(parser: Parser) -> None:
    """Add the options of `config import`."""
    parser.add_argument(
        "file",
        metavar="FILE.md",
        type=not_empty,
        help="Markdown file with a table of types and ranges",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show the changes without making them"
    )


def import_table(options: Namespace, caller: Caller) -> int:
    """Import ranges from a table in a Markdown file."""
    from styxy.adapters.document import read_document
    from styxy.client.cli.range_import import plan
    from styxy.core.config.port_document import read_tables

    rows = read_tables(read_document(os.path.abspath(options.file)))
    if not rows:
        raise InvalidInput(f"{options.file} has no table with the columns type and range")
    access = _access(caller)
    planned = plan(rows, access.show().data)
    if planned.patch:
        answer = access.change(planned.patch, dry_run=options.dry_run).data
    else:
        answer = {"success": True, "changed": False, "message": "nothing to add"}
    caller.report({**answer, **planned.summary()}, planned.text(answer))
    return 0


def instances(_options: Namespace, caller: Caller) -> int:
    """Show the instance templates."""
    from styxy.client.text import config_text

    answer = _access(caller).show().data
    caller.report(
        {"instance_templates": answer.get("instance_templates")},
        config_text.templates(answer),
    )
    return 0


def add_document_options(parser: Parser) -> None:
    """Add the options of `config document`."""
    parser.add_argument(
        "file",
        metavar="FILE.md",
        nargs="?",
        type=not_empty,
        help="write it between the markers in FILE.md",
    )


def document(options: Namespace, caller: Caller) -> int:
    """Write the table of all ranges."""
    from datetime import UTC, datetime

    from styxy.adapters.document import put_table
    from styxy.client.cli.range_import import types_of
    from styxy.core.config.port_document import table

    answer = _access(caller).show().data
    text = table(types_of(answer))
    path = options.file or answer.get("port_document")
    if not path:
        caller.report({"success": True, "file": None, "table": text}, text)
        return 0
    path = os.path.abspath(str(path))
    has_changed = put_table(path, text, today=datetime.now(UTC).date().isoformat())
    said = f"wrote {path}" if has_changed else f"{path} is up to date"
    body = {"success": True, "file": path, "changed": has_changed, "table": text, "message": said}
    caller.report(body, said)
    return 0


def _access(caller: Caller) -> ConfigurationAccess:
    from styxy.client.daemon.configuration import ConfigurationAccess

    return ConfigurationAccess(caller.paths, caller.env)


COMMANDS = (
    Command(
        "config show",
        "Show the configuration in force and where each value comes from.",
        example="styxy config show --json",
        add_options=no_options,
        run=show,
    ),
    Command(
        "config get",
        "Show the value of one setting that is in force.",
        example="styxy config get listen-port",
        add_options=add_get_options,
        run=get_value,
    ),
    Command(
        "config validate",
        "List the problems in config.json or another file (exit 1 if any).",
        example="styxy config validate ./config.json",
        add_options=add_validate_options,
        run=validate,
    ),
    Command(
        "config set",
        "Change one setting in the file and in the running daemon.",
        example="styxy config set auto-allocation.require-confirmation true",
        add_options=add_set_options,
        run=set_value,
    ),
    Command(
        "config generate",
        "Write a complete config.json with the built-in values.",
        example="styxy config generate -o -",
        add_options=add_generate_options,
        run=generate,
    ),
    Command(
        "config import",
        "Import ranges from a table in a Markdown file.",
        example="styxy config import PORTS.md --dry-run",
        add_options=add_import_options,
        run=import_table,
    ),
    Command(
        "config instances",
        "Show the instance templates and their preferred ports.",
        example="styxy config instances",
        add_options=no_options,
        run=instances,
    ),
    Command(
        "config document",
        "Write the table of all ranges into a Markdown file, between two markers.",
        example="styxy config document PORTS.md",
        add_options=add_document_options,
        run=document,
    ),
    *ranges.COMMANDS,
)
