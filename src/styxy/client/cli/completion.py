"""Completion for bash, zsh and fish, written from the grammar of the command line.

Each script finds the command among the words before the cursor (no option before it takes a value)
and offers what belongs there. Nothing is asked and nothing started while somebody types.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from styxy.client.cli.grammar import first_words, groups, spellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from styxy.client.cli.grammar import Operand, Option, Spelling, Value

HEAD = "# Completion of styxy for {shell}, made by `styxy completion {shell}`.\n"

TOP_FLAGS = ("--json", "--no-start", "--help", "--version")


def script(shell: str) -> str:
    """Write the completion script of a shell, one of `SHELLS`."""
    return SHELLS[shell](spellings())


# --- bash ----------------------------------------------------------------------------------------

_BASH = """\
_styxy() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD - 1]}} command="" words="" i
    COMPREPLY=()
    for ((i = 1; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
        --)
            if ((i + 1 < COMP_CWORD)); then _styxy_paths -f; else _styxy_offer -c; fi
            return
            ;;
        -*) ;;
        *)
            case $command in
            "") command=${{COMP_WORDS[i]}} ;;
            {groups}) command="$command ${{COMP_WORDS[i]}}" ;;
            esac
            ;;
        esac
    done
    case "$command $prev" in
{values}
    esac
    case $command in
{words}
    *) return ;;
    esac
    case $cur in
    -*) _styxy_offer -W "$words" ;;
    *)
        case $command in
{operands}
        esac
        ;;
    esac
}}

_styxy_offer() {{
    local word
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen "$@" -- "$cur")
}}

_styxy_paths() {{
    # Outside of a real completion, as in a test, there is nothing to set an option of.
    compopt -o filenames 2>/dev/null
    _styxy_offer "$@"
}}

complete -F _styxy styxy
"""


def bash(commands: Sequence[Spelling]) -> str:
    """Write it for bash."""
    firsts = first_words(commands)
    values = [
        f"    {_either(f'{each.name} {flag}' for flag in option.flags)}) {offer}return ;;"
        for each in commands
        for option in each.options
        if option.value.kind != "none"
        for offer in (_bash_offer(option.value, end="; "),)
    ]
    words = [f'    "") words="{" ".join(TOP_FLAGS)}" ;;']
    words += [f'    {group}) words="--json --no-start --help" ;;' for group in groups(commands)]
    words += [f'    {_quoted(each.name)}) words="{_flags(each)}" ;;' for each in commands]
    operands = [f'        "") _styxy_offer -W "{" ".join(firsts)}" ;;']
    operands += [
        f'        {group}) _styxy_offer -W "{" ".join(_seconds(commands, group))}" ;;'
        for group in groups(commands)
    ]
    operands += [
        f"        {_quoted(each.name)}) {_bash_offer(each.operands[0].value)} ;;"
        for each in commands
        if each.operands and each.operands[0].value.kind != "any"
    ]
    return HEAD.format(shell="bash") + "\n" + _BASH.format(
        groups=" | ".join(groups(commands)),
        values="\n".join(values),
        words="\n".join(words),
        operands="\n".join(operands),
    )  # fmt: skip


def _bash_offer(value: Value, *, end: str = "") -> str:
    match value.kind:
        case "words":
            return f'_styxy_offer -W "{" ".join(value.words)}"{end}'
        case "file":
            return f"_styxy_paths -f{end}"
        case "directory":
            return f"_styxy_paths -d{end}"
        case "command":
            return f"_styxy_offer -c{end}"
        case _:
            return ""


# --- zsh -----------------------------------------------------------------------------------------

_ZSH = """\
_styxy() {{
    local command i
    for ((i = 2; i < CURRENT; i++)); do
        case $words[i] in
        -*) ;;
        *)
            case $command in
            '') command=$words[i] ;;
            {groups}) command="$command $words[i]"; break ;;
            *) break ;;
            esac
            ;;
        esac
    done
    case $command in
    '') _styxy_words {firsts} ;;
{seconds}
    esac
}}

_styxy_words() {{
    local -a offered=("$@")
    if [[ $PREFIX == -* ]]; then offered=({flags}); fi
    _describe -t commands 'styxy' offered
}}

# What follows the command is completed as if the command were a program of its own.
_styxy_rest() {{
    local -a names=(${{=command}})
    local -i count=${{#names}} at=1
    while ((at < ${{#words}} && count > 0)); do
        ((at++))
        [[ $words[at] == -* ]] || ((count--))
    done
    ((CURRENT -= at - 1))
    words=(styxy "${{(@)words[at + 1, -1]}}")
    _arguments -s -S : "$@"
}}

if [[ $funcstack[1] == _styxy ]]; then _styxy "$@"; else compdef _styxy styxy; fi
"""


def zsh(commands: Sequence[Spelling]) -> str:
    """Write it for zsh, to be found in `fpath` or to be evaluated."""
    firsts = " ".join(_zsh_word(word, text) for word, text in first_words(commands).items())
    seconds = [
        f"    {group}) _styxy_words "
        + " ".join(
            _zsh_word(each.name.partition(" ")[2], each.summary)
            for each in commands
            if each.name.startswith(group + " ")
        )
        + " ;;"
        for group in groups(commands)
    ]
    seconds += [
        f"    {_single(each.name)}) _styxy_rest {' '.join(_zsh_arguments(each))} ;;"
        for each in commands
    ]
    body = _ZSH.format(
        groups=" | ".join(groups(commands)),
        firsts=firsts,
        flags=" ".join(TOP_FLAGS),
        seconds="\n".join(seconds),
    )
    return "#compdef styxy\n" + HEAD.format(shell="zsh") + "\n" + body


def _zsh_word(word: str, text: str) -> str:
    escaped = text.replace(":", r"\:")
    return _single(f"{word}:{escaped}")


def _zsh_arguments(command: Spelling) -> Iterator[str]:
    for option in command.options:
        others = " ".join(option.flags)
        for flag in option.flags:
            yield _single(
                f"({others}){flag}[{_zsh_text(option.meaning)}]{_zsh_value(option.value)}"
            )
    for operand in command.operands:
        yield _single(_zsh_operand(operand))


def _zsh_operand(operand: Operand) -> str:
    if operand.value.kind == "command":
        return "*::command:_normal"
    return f":{_zsh_value(operand.value)}" if operand.is_optional else _zsh_value(operand.value)


def _zsh_value(value: Value) -> str:
    action = {
        "words": f"({' '.join(value.words)})",
        "file": "_files",
        "directory": "_files -/",
        "command": "_command_names",
        "any": " ",
    }
    return "" if value.kind == "none" else f":{_zsh_text(value.name)}:{action[value.kind]}"


def _zsh_text(text: str) -> str:
    for character in "\\[]:":
        text = text.replace(character, "\\" + character)
    return text


# --- fish ----------------------------------------------------------------------------------------

_FISH = """\
function __styxy_command
    set -l command
    for word in (commandline -opc)[2..]
        switch $word
            case '--'
                break
            case '-*'
                continue
        end
        if test -z "$command"
            set command $word
        else if contains -- "$command" {groups}
            set command "$command $word"
        end
    end
    echo "$command"
end

function __styxy_at
    test (__styxy_command) = "$argv"
end

complete -c styxy -f
complete -c styxy -n '__styxy_at ""' -l version -d 'print the version'
complete -c styxy -n '__styxy_at ""' -s h -l help -d 'show the list of commands'
"""


def fish(commands: Sequence[Spelling]) -> str:
    """Write it for fish."""
    lines = [_fish_word("", word, text) for word, text in first_words(commands).items()]
    for each in commands:
        first, space, second = each.name.partition(" ")
        if space:
            lines.append(_fish_word(first, second, each.summary))
        lines += [_fish_option(each.name, option) for option in each.options]
        lines += [_fish_operand(each.name, operand) for operand in each.operands[:1]]
    body = _FISH.format(groups=" ".join(groups(commands)))
    return HEAD.format(shell="fish") + "\n" + body + "\n".join(filter(None, lines)) + "\n"


def _fish_word(command: str, word: str, text: str) -> str:
    return f"{_fish_at(command)} -a {word} -d {_fish_text(text)}"


def _fish_option(command: str, option: Option) -> str:
    flags = " ".join(
        f"-l {flag.removeprefix('--')}" if flag.startswith("--") else f"-s {flag.removeprefix('-')}"
        for flag in option.flags
    )
    takes = _fish_value(option.value)
    return f"{_fish_at(command)} {flags}{takes} -d {_fish_text(option.meaning)}"


def _fish_operand(command: str, operand: Operand) -> str:
    takes = _fish_value(operand.value).replace(" -x", "").replace(" -r", "")
    return f"{_fish_at(command)}{takes}" if takes else ""


def _fish_value(value: Value) -> str:
    match value.kind:
        case "words":
            return f" -x -a {_fish_text(' '.join(value.words))}"
        case "file":
            return " -r -F"
        case "directory":
            return " -x -a '(__fish_complete_directories)'"
        case "command":
            return " -x -a '(__fish_complete_command)'"
        case "any":
            return " -x"
        case _:
            return ""


def _fish_at(command: str) -> str:
    return f"complete -c styxy -n {_fish_text(f'__styxy_at {json.dumps(command)}')}"


def _fish_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


# --- all of them ---------------------------------------------------------------------------------


def _flags(command: Spelling) -> str:
    return " ".join(flag for option in command.options for flag in option.flags)


def _seconds(commands: Sequence[Spelling], group: str) -> list[str]:
    names = (each.name.partition(" ") for each in commands)
    return [second for first, _, second in names if first == group]


def _either(patterns: Iterator[str]) -> str:
    return " | ".join(_quoted(each) for each in patterns)


def _quoted(text: str) -> str:
    return f'"{text}"'


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


SHELLS: dict[str, Callable[[Sequence[Spelling]], str]] = {"bash": bash, "zsh": zsh, "fish": fish}
"""The shells, and who writes their scripts."""

FILES = {
    "bash": "share/bash-completion/completions/styxy",
    "zsh": "share/zsh/site-functions/_styxy",
    "fish": "share/fish/vendor_completions.d/styxy.fish",
}
"""Where each shell looks, below the prefix of an installation."""
