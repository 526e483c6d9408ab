"""What ends which processes: options of kill(1), pkill(1), killall(1), fuser(1), lsof(8) and ss(8).

Covers `outputs`, `selections`, `searching` and `awk`, with whole lines.
"""

from __future__ import annotations

import pytest

from styxy.core.commands.classify import classify
from styxy.core.commands.kills.kill import Kill
from styxy.core.commands.kills.selections import MOST_PORTS, ports_of, without_brackets
from styxy.core.commands.shell.fields import Condition

BOBS_CHILDREN: tuple[Condition, ...] = (("user", "bob"), ("parent", "7"))


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("3000", (3000,)),
        ("3000,3002", (3000, 3002)),
        ("3000-3002", (3000, 3001, 3002)),
        ("https", (443,)),
        ("", ()),
        ("0", ()),
        ("70000", ()),
        ("3002-3000", ()),
        ("x", ()),
        ("\0", ()),
    ],
)
def test_ports_are_read_as_lsof_takes_them(text: str, ports: tuple[int, ...]) -> None:
    assert ports_of(text) == ports


def test_a_long_range_is_cut() -> None:
    assert len(ports_of("1-65535")) == MOST_PORTS


@pytest.mark.parametrize(
    ("pattern", "plain"),
    [
        ("[v]ite", "vite"),
        ("node [s]erver", "node server"),
        ("vite", "vite"),
        ("[0-9]+", "[0-9]+"),
        ("[^v]ite", "[^v]ite"),
        ("[v", "[v"),
    ],
)
def test_the_trick_with_brackets_is_undone(pattern: str, plain: str) -> None:
    assert without_brackets(pattern) == plain


@pytest.mark.parametrize(
    "line",
    [
        "kill",
        "kill -9",
        "kill -1",
        "kill -l 9",
        "kill -L",
        "kill -0 4711",
        "kill -s 0 4711",
        "kill -n 0 4711",
        "kill --signal=0 4711",
        "kill -CONT 4711",
        "kill -SIGWINCH 4711",
        "kill %1 %+ %vite",
        "kill $!",
        "kill $$",
        "kill $UNKNOWN",
        "kill vite",
        "kill $(some-tool)",
        "kill $(lsof -ti:$UNKNOWN)",
        "pkill -0 vite",
        "pkill --signal 0 vite",
        "killall -s CONT vite",
        "pkill -l",
        "pkill -P $$",
        "pkill -f $UNKNOWN",
        "killall -s 0 node",
        "killall",
        "fuser 3000/tcp",
        "fuser -k /mnt/data",
        "fuser -v -n tcp 3000",
        "kill-port",
        "start-stop-daemon --start --pidfile x.pid --exec y",
        "lsof -ti:3000 | wc -l | xargs kill",
        "ps aux | grep -c vite | xargs kill",
        "ps aux | grep -q vite && echo yes",
        "sleep 9 & echo $! > x.pid; kill $(cat x.pid)",
        "kill() { echo; }; kill 4711",
        "./kill.sh 4711",
        "for ((;;)); do kill $p; done",
        "for ((p=80; p<82; p*=2)); do fuser -k $p/tcp; done",
        "ps aux | awk '$3 > 50 {print $2}' | xargs kill",
        "ps -t pts/0 -o pid= | xargs kill",
    ],
)
def test_what_ends_nothing_that_is_known_is_no_kill(line: str) -> None:
    assert classify(line).kills == ()


@pytest.mark.parametrize(
    ("line", "kill"),
    [
        ("kill -1 4711", Kill(how="kill", pids=("4711",))),
        ("kill 0", Kill(how="kill", pids=("0",))),
        ("kill -9 -$(cat x.pid)", Kill(how="kill", pids=("-@x.pid",))),
        ("echo 4711 > x.pid; kill $(cat x.pid)", Kill(how="kill", pids=("4711",))),
        ("echo 11 12 > pids; kill -- -$(cat pids)", Kill(how="kill", pids=("-11", "-12"))),
        ("lsof -ti:80 > pids; kill $(cat pids)", Kill(how="kill", ports=(80,), has_clients=True)),
        ("cd a; cd b && kill $(cat x.pid)", Kill(how="kill", pids=("@a/b/x.pid",))),
        ("cd /a && pkill -F x.pid", Kill(how="pkill", pids=("@/a/x.pid",))),
        ("cd a && kill -- -$(cat /x.pid)", Kill(how="kill", pids=("-@/x.pid",))),
        ("cd $UNKNOWN && kill $(cat x.pid)", Kill(how="kill", pids=("@x.pid",))),
        ("pkill -g 4813", Kill(how="pkill", pids=("-4813",))),
        ("pkill --pidfile x.pid", Kill(how="pkill", pids=("@x.pid",))),
        ("pkill -n -x --signal INT node", Kill(how="pkill", names=("node",), is_whole=True)),
        ("pkill -v node", Kill(how="pkill", pids=("-1",))),
        (
            "killall -9 -u bob -r 'no.*'",
            Kill(how="killall", names=("no.*",), are_patterns=True, only=(("user", "bob"),)),
        ),
        ("pkill -u bob -P 7 node", Kill(how="pkill", names=("node",), only=BOBS_CHILDREN)),
        ("pkill -u bob", Kill(how="pkill", pids=("-1",), only=(("user", "bob"),))),
        ("pkill -s 0", Kill(how="pkill", pids=("-1",), only=(("session", "0"),))),
        ("pkill -s 17 vite", Kill(how="pkill", names=("vite",), only=(("session", "17"),))),
        ("ps -u bob | xargs kill", Kill(how="kill", pids=("-1",), only=(("user", "bob"),))),
        ("pkill -P 7", Kill(how="pkill", pids=("7",), only=(("parent", "7"),))),
        ("killall -I NODE", Kill(how="killall", names=("NODE",), ignores_case=True)),
        ("killall -INT node", Kill(how="killall", names=("node",))),
        (
            "kill -- -$(ps -o pgid= 12)",
            Kill(how="kill", pids=("-12",), only=(("group of", "12"),)),
        ),
        (
            "kill -- -$(ps -o pgid= -p12,13 | tr -d ' ')",
            Kill(how="kill", pids=("-12", "-13"), only=(("group of", "12"), ("group of", "13"))),
        ),
        (
            "kill $(ps --ppid 12 -o pid=)",
            Kill(how="kill", pids=("12",), only=(("parent", "12"),)),
        ),
        ("kill -- -$(ps -o pgid= -p $(lsof -t -c x))", Kill(how="kill", names=("x",))),
        ("kill $(jps -q)", Kill(how="kill", names=("java",))),
        ("kill $(jps | grep -v Jps | cut -d' ' -f1)", Kill(how="kill", names=("java",))),
        ("fuser -n tcp -k 80 81", Kill(how="fuser", ports=(80, 81))),
        ("fuser --kill --namespace tcp 80", Kill(how="fuser", ports=(80,))),
        (
            "for ((p = 80; p <= 81; p++)); do fuser -k $p/tcp; done",
            Kill(how="fuser", ports=(80, 81)),
        ),
        (
            "for (( p=80; p<82; ++p )) { kill-port $p; }",
            Kill(how="kill-port", ports=(80, 81)),
        ),
        ("parallel kill ::: 11 12", Kill(how="kill", pids=("11", "12"))),
        ("kill-port --port=80", Kill(how="kill-port", ports=(80,))),
        ("taskkill /F /PID 12 /IM x", Kill(how="taskkill", pids=("12",), names=("x",))),
        ("npx tree-kill 12 SIGKILL", Kill(how="tree-kill", pids=("12",))),
        ("killall5 -9", Kill(how="killall5", pids=("-1",))),
    ],
)
def test_victims_are_named_as_the_line_names_them(line: str, kill: Kill) -> None:
    assert classify(line).kills == (kill,)


@pytest.mark.parametrize(
    ("listing", "kill"),
    [
        ("ss -tlnp sport = :80 | awk '{print $6}'", Kill(how="kill", ports=(80,))),
        ("ss -tlnp | grep LISTEN | grep -w 80", Kill(how="kill", ports=(80,))),
        ("lsof -t -a -p 12 -sTCP:LISTEN", Kill(how="kill", pids=("12",))),
        ("lsof -t -c node", Kill(how="kill", names=("node",))),
        (
            "ps ax | grep node | grep server.js",
            Kill(how="kill", names=("server.js",), in_arguments=True),
        ),
        (
            "ps aux | awk '!/grep/ && /vite/ {print $2}'",
            Kill(how="kill", names=("vite",), in_arguments=True),
        ),
        (
            "ps aux | awk '{if ($11 ~ /vite/) print $2}'",
            Kill(how="kill", names=("vite",), in_arguments=True),
        ),
        (
            "ps -ef | awk '$8 == \"vite\" {print $2}'",
            Kill(how="kill", names=("vite",), in_arguments=True),
        ),
        ("ss -tlnp | awk -v p=:80 '$4 ~ p {print $6}'", Kill(how="kill", ports=(80,))),
        ('ss -tlnp | awk \'$4 ~ ":80" {gsub(/.*=/, ""); print}\'', Kill(how="kill", ports=(80,))),
        (
            r"ps ax | grep 'vite\|next' | grep -v grep",
            Kill(how="kill", names=("vite|next",), in_arguments=True),
        ),
        (
            "ps aux | sed -n '/vite/p' | cut -c1-9",
            Kill(how="kill", names=("vite",), in_arguments=True),
        ),
        (
            "ps ax | grep -i VITE",
            Kill(how="kill", names=("VITE",), in_arguments=True, ignores_case=True),
        ),
        ("ss -tlnp sport = 80 | grep -oP 'pid=\\K\\d+'", Kill(how="kill", ports=(80,))),
        (
            "ss -tlnp '( sport eq 80 or sport = :81 )' | cut -d, -f2",
            Kill(how="kill", ports=(80, 81)),
        ),
        ("awk '/:80/{print $2}' <(ss -tlnp)", Kill(how="kill", ports=(80,))),
        ("jps | grep App", Kill(how="kill", names=("App",), in_arguments=True)),
        ("cat x.pid | tr -d '[:space:]'", Kill(how="kill", pids=("@x.pid",))),
        ("sed -n 1p x.pid", Kill(how="kill", pids=("@x.pid",))),
        ("printf '%s\\n' 11 12", Kill(how="kill", pids=("11", "12"))),
    ],
)
def test_a_listing_that_is_handed_to_a_kill_is_understood(listing: str, kill: Kill) -> None:
    assert classify(f"{listing} | xargs -r kill").kills == (kill,)
    assert classify(f"kill $({listing})").kills == (kill,)
    assert classify(f"for p in $({listing}); do kill -9 $p; done").kills == (kill,)
    assert classify(f"{listing} | while read -r p; do kill $p; done").kills == (kill,)
    assert classify(f"{listing} | xargs -I{{}} sh -c 'kill {{}}'").kills == (kill,)


def test_commands_that_are_written_for_a_shell_are_understood() -> None:
    found = classify("ps | awk '/vite/ {print \"kill -9 \" $1}' | sh").kills
    assert found == (Kill(how="kill", names=("vite",), in_arguments=True),)


@pytest.mark.parametrize(
    ("line", "in_arguments"),
    [("pkill vite", False), ("pkill -f vite", True), ("pkill --full vite", True),
     ("pkill -9f vite", True), ("killall vite", False), ("kill $(pgrep vite)", False),
     ("kill $(pgrep -f vite)", True), ("kill $(pidof vite)", False)],
)  # fmt: skip
def test_a_name_is_searched_for_where_the_command_looks(line: str, in_arguments: bool) -> None:
    assert [each.in_arguments for each in classify(line).kills] == [in_arguments]


def test_kills_under_different_conditions_stay_apart() -> None:
    kills = classify("pkill -u bob node; pkill vite; pkill -u bob next").kills
    assert [(each.names, each.only) for each in kills] == [
        (("node", "next"), (("user", "bob"),)),
        (("vite",), ()),
    ]
