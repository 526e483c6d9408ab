"""The parser of shell lines: its tree, compared with another parser's; hostile text; no exception.

Covers `cursor`, `words`, `compounds` and `syntax`, which are nothing without one another.
"""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from styxy.core.commands.classify import classify
from styxy.core.commands.shell.parser import parse
from styxy.core.commands.shell.syntax import (
    Arithmetic,
    Assignment,
    Case,
    Coprocess,
    For,
    Function,
    Group,
    If,
    Item,
    Literal,
    Loop,
    Parameter,
    Pipeline,
    ProcessSubstitution,
    Quoted,
    Redirect,
    Script,
    Simple,
    Substitution,
    Test,
    Word,
)
from tests.core.commands.shell import shfmt
from tests.core.commands.tables import lines_of
from tests.examples import share_of


def command_of(line: str) -> object:
    """The one command of a line."""
    script = parse(line)
    assert script.is_whole
    [item] = script.items
    return item.command


def word(text: str) -> Word:
    """A word of plain text."""
    return Word((Literal(text),))


def simple(*texts: str) -> Simple:
    """A simple command of plain words."""
    return Simple(words=tuple(word(text) for text in texts))


def test_words_assignments_and_redirections_are_told_apart() -> None:
    assert command_of("A=1 ls -l > out 2>&1 A=2") == Simple(
        assignments=(Assignment(name="A", values=(word("1"),)),),
        words=(word("ls"), word("-l"), word("A=2")),
        redirects=(
            Redirect(operator=">", target=word("out")),
            Redirect(operator=">&", target=word("1"), descriptor="2"),
        ),
    )


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a'b c'", (Literal("a"), Literal("b c", is_quoted=True))),
        (r"a\ b", (Literal("a"), Literal(" ", is_quoted=True), Literal("b"))),
        ('"a $b"', (Quoted((Literal("a ", True), Parameter(name="b", is_quoted=True))),)),
        (r'"\$a\n"', (Literal("$a\\n", is_quoted=True),)),
        (r"$'a\tb'", (Literal("a\tb", is_quoted=True),)),
        ("$1$@", (Parameter(name="1"), Parameter(name="@"))),
        ("${a}", (Parameter(name="a", argument=Word(())),)),
        ("${#a}", (Parameter(name="a", operator="#", argument=Word(())),)),
        ("${a:-b}", (Parameter(name="a", operator=":-", argument=word("b")),)),
        ("${a%%.*}", (Parameter(name="a", operator="%%", argument=word(".*")),)),
        ("$((1 + 2))", (Arithmetic("1 + 2"),)),
        ("$(a)", (Substitution(Script((Item(simple("a")),))),)),
        ("`a`", (Substitution(Script((Item(simple("a")),))),)),
        ("<(a)", (ProcessSubstitution(Script((Item(simple("a")),))),)),
        ("!(a|b)c", (Literal("!(a|b)c"),)),
        ("a#b", (Literal("a#b"),)),
        ("$", (Literal("$"),)),
        ("''", (Literal("", is_quoted=True),)),
    ],
)
def test_a_word_is_read_in_parts(text: str, parts: tuple[object, ...]) -> None:
    found = command_of(f"x {text}")
    assert isinstance(found, Simple)
    assert found.words[1].parts == parts


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("a | b |& c", Pipeline),
        ("! a", Pipeline),
        ("time -p a", Pipeline),
        ("(a; b)", Group),
        ("( (a) )", Group),
        ("{ a; b; }", Group),
        ("if a; then b; elif c; then d; else e; fi", If),
        ("for x in 1 2; do a; done", For),
        ("for x; do a; done", For),
        ("select x in 1 2; do a; done", For),
        ("for ((i=0; i<3; i++)); do a; done", Loop),
        ("while a; do b; done < f", Loop),
        ("until a; do b; done", Loop),
        ("case $x in (a|b) c;; *) d;; esac", Case),
        ("f() { a; }", Function),
        ("function f { a; }", Function),
        ("coproc a", Coprocess),
        ("[[ -n $x && (a < b) ]]", Test),
        ("((x++))", Test),
    ],
)
def test_a_compound_command_is_known(line: str, kind: type) -> None:
    assert isinstance(command_of(line), kind)


@pytest.mark.parametrize("word", ["if", "done", "fi", "time", "!", "}", "in"])
def test_a_reserved_word_that_stands_elsewhere_is_a_word(word: str) -> None:
    assert command_of(f"echo {word}") == simple("echo", word)


def test_a_list_remembers_what_ends_each_command() -> None:
    script = parse("a && b || c & d; e # & f")
    assert [item.operator for item in script.items] == ["&&", "||", "&", ";", ""]


@pytest.mark.parametrize(
    ("line", "written"),
    [
        ("A=1 'b c' \"$d\"e > f", ["'b c'", '"$d"e']),
        ("a \\\n b", ["a", "b"]),
        ('x $(y "$(z)" w)', ["x", '$(y "$(z)" w)']),
        ("cat <<E\nbody\nE\n", ["cat"]),
    ],
)
def test_a_word_knows_its_place_in_the_line(line: str, written: list[str]) -> None:
    command = command_of(line)
    assert isinstance(command, Simple)
    assert [line[each.start : each.end] for each in command.words] == written


def test_a_word_in_backquotes_has_no_place() -> None:
    command = command_of(r"a `b \`c\``")
    assert isinstance(command, Simple)
    [substitution] = command.words[1].parts
    assert isinstance(substitution, Substitution)
    inner = substitution.script.items[0].command
    assert isinstance(inner, Simple)
    assert {each.start for each in inner.words} == {-1}


def test_a_here_document_is_what_is_read() -> None:
    [cat, after] = parse("cat <<'E' | sh; x\nkill $1\nE\ny").items[::2]
    assert isinstance(cat.command, Pipeline)
    [reader, _] = cat.command.commands
    assert isinstance(reader, Simple)
    assert reader.redirects[0].target == Word((Literal("kill $1\n", is_quoted=True),))
    assert after.command == simple("y")


def test_tabs_before_a_here_document_are_dropped() -> None:
    command = command_of("cat <<-E\n\ta $b\n\tE\n")
    assert isinstance(command, Simple)
    assert command.redirects[0].target.parts == (
        Literal("a ", is_quoted=True),
        Parameter(name="b", is_quoted=True),
        Literal("\n", is_quoted=True),
    )


@pytest.mark.parametrize(
    "line",
    ["'a", '"a', "$(a", "`a", "${a", "(a", "{ a", "if a", "case x in", "a <<E\nb", "a )", "&& a",
     "for x in", "[[ a", "x=(1", "f() {"],
)  # fmt: skip
def test_what_is_no_correct_shell_is_read_as_far_as_it_goes(line: str) -> None:
    script = parse(f"first; {line}")
    assert not script.is_whole
    assert script.items[0].command == simple("first")


REPEATED = [
    *(
        "$(",
        "`",
        "`a",
        "${",
        "${a:-",
        "((",
        "$((",
        "(",
        "{ ",
        "'",
        '"',
        '"$(',
        "<<a ",
        "<<a\n",
        "if ",
    ),
    *(
        "case x in ",
        "while ",
        "a|",
        "a&",
        "a;",
        "\\",
        "\n",
        "#",
        "$",
        "a=(",
        "[[ ",
        "! ",
        "function ",
    ),
    *(
        "coproc ",
        "time ",
        "?(",
        "<(",
        "((a) );",
        "eval ",
        "sudo ",
        "xargs ",
        "{",
        "{a,b}",
        "sh -c ",
    ),
    *("npm run dev;", "f(){ f;f; };", "a=$a$a;", "kill ", "\\`", "[a]"),
]
HOSTILE = {
    **{each: each * (16384 // len(each)) for each in REPEATED},
    "64 KiB": "$(" * 32768,
    "loops": "for a in {1..200}; do " * 2000 + "kill $a" + "; done" * 2000,
    "sequences": "for i in $(seq 1 9999999); do for j in $(seq 1 9999999); do x; done; done",
    "doubling": "a=xx;" + "a=$a$a;" * 1500 + "kill $a",
    "callers": "f(){ g;g;g; };g(){ f;f;f; };f;" * 500,
    "variables": "".join(f"a{each}=1;" for each in range(6000)),
    "shells": "sh -c \"sh -c 'vite; vite'; sh -c 'vite'\";" * 1000,
    "ranges": "lsof -ti:" + "1-65535," * 8000 + " | xargs kill",
    "filters": "ps | " + "grep x | " * 7000 + "xargs kill",
    "document": "cat <<E | sh\n" + "$(" * 30000 + "\nE\n",
    "braces": "{1..200}{1..200}{1..200}",
}

for level, (before, after) in enumerate([("while a; do ", "; done"), ("{ ", "; }"), ("x $(", ")")]):
    nested = [f"v{each}='{before * 30}eval \"$v{each - 1}\"{after * 30}'" for each in range(1, 14)]
    HOSTILE[f"levels {level}"] = "; ".join(["v0=vite", *nested, 'eval "$v13"'])

MOST_SECONDS = 5.0
"""Of processor time: a twentieth of that is usual, and what is not linear takes minutes."""


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_no_more_time_than_its_length(name: str) -> None:
    before = time.process_time()
    classify(HOSTILE[name])
    assert time.process_time() - before < MOST_SECONDS


WORDS = """
$( ) ` ' " \\ { } ( (( )) [[ ]] ; ;; & && | || < > << <<- <<< >( <( $ ${ :- # ! = += ~ * ? - --
if then elif else fi for in do done while until case esac function time coproc select { }
kill pkill lsof -ti:3000 xargs npm run dev vite --port 3000 sh -c eval sudo env A=1 $A $1 $@ $!
cat E echo read trap export cd docker run -p 1:2 make concurrently python -m http.server
"""
TOKENS = st.sampled_from([*WORDS.split(), " ", "\n", "\t", "\0", "\u00e9", "a"])


@settings(max_examples=share_of(150))
@given(st.lists(st.tuples(TOKENS, st.sampled_from(["", " ", "\n"])), max_size=60))
def test_no_line_of_tokens_raises(tokens: list[tuple[str, str]]) -> None:
    classify("".join(token + blank for token, blank in tokens))


@given(st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    classify(text)
    parse(text)


HARD = [
    "a;b&c&&d||e|f",
    "a 'b c' \"d $e\" f\\ g $(h i) `j k` ${l:-m n}",
    "x=1 y=\"$z\" env A=b c",
    "if a; then b; else c; fi && { d; } || ( e )",
    "for i in 1 2 $(seq 3); do echo $i; done | sort",
    "while read -r x; do echo \"$x\"; done < <(ls)",
    "case \"$1\" in start) a;; stop|kill) b;; *) c;; esac",
    "f() { local a=1; echo $a; }; f x",
    "cat <<EOF | sh\nkill $(lsof -ti:3000)\nEOF\necho done",
    "cat <<'EOF' > f && b\n$(not run)\nEOF",
    "a 2>&1 >/dev/null </dev/stdin &",
    "[[ $a == b* && -f c ]] && d",
    "(( a + 1 )) || b",
    "echo $((1 + (2 * 3))) $(( x ))",
    "a=(1 2 \"3 4\") b+=5; echo \"${a[@]}\"",
    "! a | b",
    "time a -b",
    "a \\\n  b \\\n  c",
    "echo a#b # comment",
    "echo \"$(echo \"$(echo 'x')\")\"",
    "(cd a && b --c=d) & (e; f) & wait",
    "until a; do b; done; select x in y; do z; done",
    "function g { h; }",
    "a > >(tee b) 2> >(tee c)",
    "echo ${a%.*} ${b//x/y} ${#c} ${d:1:2}",
    "a <<< \"$b\"",
    "{ a; } 2>/dev/null | b",
    "nohup a > b 2>&1 < /dev/null & echo $! > c",
    "echo !(a|b) @(c|d)",
    "trap 'kill $(jobs -p)' EXIT",
]  # fmt: skip


@pytest.mark.skipif(not shfmt.is_there(), reason="there is no shfmt")
@pytest.mark.parametrize("line", HARD)
def test_hard_lines_are_read_as_shfmt_reads_them(line: str) -> None:
    assert shfmt.outline_of(parse(line)) == shfmt.their_outline(line)


@pytest.mark.skipif(not shfmt.is_there(), reason="there is no shfmt")
def test_real_lines_are_read_as_shfmt_reads_them() -> None:
    lines = [line for name in ("servers.tsv", "kills.tsv") for line in lines_of(name)]
    wrong = [
        line
        for line in lines
        if set(line) & set("$`'\"|&;(){}<>\\")
        and shfmt.outline_of(parse(line)) != shfmt.their_outline(line)
    ]
    assert wrong == []
