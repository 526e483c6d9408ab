"""The table of launchers: programs that start another one, and where its command begins.

Columns: names; subcommands that launch (`+` between words); flags that take a value; the number of
operands before the command; what the rest is. A mark on a flag says what its value is: `cd:` a
directory, `text:` shell text, `self:` arguments of the program itself; the command follows a `cmd:`
flag. The rest is a `command`, a shell `text` of all words, several `texts`, a text in the `first`
word, arguments of `python`, a command after `dashes`, or `none`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

Rest = Literal["command", "text", "texts", "first", "python", "dashes", "none"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """A program that starts another one."""

    names: tuple[str, ...]
    subcommands: tuple[str, ...] = ()
    value_flags: frozenset[str] = frozenset()
    directory_flags: frozenset[str] = frozenset()
    text_flags: frozenset[str] = frozenset()
    self_flags: frozenset[str] = frozenset()
    command_flags: frozenset[str] = frozenset()
    skipped: int = 0
    rest: Rest = "command"


_ROWS = """
sudo | | -u -g -h -p -C -r -t -T -U -R --user --group --host cd:-D cd:--chdir | 0 | command
doas | | -u -C | 0 | command
su runuser | | -g -G -s -u --shell --group text:-c text:--command | 0 | none
gosu su-exec chpst setpriv s6-setuidgid chroot envdir | | text:-c | 1 | command
flock | | -w -E --timeout text:-c text:--command | 1 | command
taskset chrt | | | 1 | command
env genv | | -u --unset cd:-C cd:--chdir text:-S text:--split-string | 0 | command
cross-env cross-env-shell env-cmd dotenvx-run | | -f --file -e --environments -r | 0 | command
dotenv | | -e -f -v -p -c --file | 0 | command
dotenvx | run | -f --env-file -e -fk | 0 | command
time gtime | | -f -o --format --output | 0 | command
timeout gtimeout | | -k -s --kill-after --signal | 1 | command
nice | | -n --adjustment | 0 | command
ionice | | -c -n -p --class --classdata | 0 | command
nohup setsid command builtin tini dumb-init catatonit eatmydata fakeroot chronic | | | 0 | command
unbuffer rlwrap proxychains proxychains4 torsocks dbus-run-session systemd-inhibit | | | 0 | \
command
exec | | -a | 0 | command
caffeinate | | -t -w | 0 | command
arch setarch linux32 linux64 | | -e -d | 0 | command
stdbuf | | -i -o -e | 0 | command
cpulimit | | -l -e -p | 0 | command
prlimit numactl softlimit | | -m -N -C -d | 0 | command
faketime | | -f | 1 | command
xvfb-run | | -n -s -e -f -p -w --server-num --server-args | 0 | command
systemd-run | | -p -u -E -M -H -t --unit --property --setenv cd:--working-directory | 0 | command
nsenter unshare | | -t -S -G -R -w --target --setuid --setgid --root --wd --wdns --map-user \
--map-group --map-users --map-groups --propagation --setgroups | 0 | command
powershell pwsh | | -ExecutionPolicy text:-c text:-Command text:-command | 0 | none
strace ltrace | | -e -o -p -s -u -E -P -S -a -O | 0 | command
valgrind heaptrack firejail busybox toybox | | | 0 | command
gdb | --args | -x -ex -p | 0 | command
perf rr py-spy memray austin | record run stat top | -o -e -F -d -f -r --output | 0 | command
script | | -t -o -T -I -O -B -E text:-c text:--command | 0 | none
watch | | -n --interval -d | 0 | text
entr | | text:-s | 0 | command
watchexec | | -e -w -i -f -s -d -E --exts --watch --ignore --filter cd:--workdir | 0 | command
reflex | -r -R -g -G -s -d | -r -R -g -G -d -t | 0 | command
onchange | | -i -e -d -f -k -a -p | 0 | none
chokidar chokidar-cli | | -d -t -i text:-c text:--command | 0 | none
watchmedo | auto-restart shell-command | -d -p -i --directory --patterns --pattern text:-c \
text:--command | 0 | command
watchfiles | | --filter --args --ignore-paths --target-type | 0 | first
tsc-watch tsup | | -p --project --outDir -d --format text:--onSuccess text:--onFirstSuccess | 0 \
| none
CompileDaemon | | -directory -pattern -build text:-command | 0 | none
cargo | watch | -w -i -d text:-s self:-x | 0 | none
nix-shell | | -p -A -I text:--run text:--command | 0 | none
nix | develop shell | -f -I text:--run cmd:-c cmd:--command | 0 | none
guix devenv | shell | -m -f | 0 | none
flatpak-spawn distrobox-enter toolbox | | -n | 0 | command
npx pnpx bunx xnpm | | -p --package -w --workspace --cache --userconfig text:-c text:--call | 0 \
| command
npm | exec x | -w --workspace -p --package cd:--prefix text:-c text:--call | 0 | command
pnpm | exec dlx | --filter -F --package cd:-C cd:--dir | 0 | command
yarn | exec dlx | -p --package cd:--cwd | 0 | command
bun | x | cd:--cwd | 0 | command
corepack | | | 0 | command
uv | run | --with --python -p --env-file --extra --group --package --index --with-requirements \
--with-editable --only-group cd:--directory cd:--project | 0 | python
uvx | | --from --with --python -p --index --with-requirements | 0 | command
uv | tool+run | --from --with --python -p | 0 | command
poetry | run | cd:-C cd:--directory -P --project | 0 | command
pipenv rye pyenv rbenv nodenv jenv asdf goenv plenv | run exec | | 0 | command
pdm | run | -p --project -e | 0 | command
hatch | run | -e --env cd:--chdir | 0 | command
pipx | run | --spec --python --pip-args --index-url | 0 | command
conda mamba micromamba | run | -n -p --name --prefix cd:--cwd | 0 | command
pixi | run | -e --environment --manifest-path | 0 | command
bundle bundler | exec | --gemfile | 0 | command
dotenv-rails | | -f | 0 | command
direnv | exec | | 1 | command
mise rtx | exec x | -C -E | 0 | command
volta | run | --node --npm --yarn --pnpm | 0 | command
fnm | exec | --using | 0 | command
nvm | exec | | 1 | command
doppler op infisical teller dopplerx vlt akeyless | run | -p -c --project --config --env \
--env-file --account --path --projectId | 0 | command
chamber aws-vault | exec | -d --duration --region | 1 | command
elixir iex | | --sname --name --cookie -r -pa -pz -e --eval --erl cmd:-S | 0 | none
newrelic-admin | run-program | | 0 | command
opentelemetry-instrument ddtrace-run nsys honeybadger scout-apm | | --traces_exporter \
--metrics_exporter --service_name | 0 | command
foreman honcho overmind | run | -f -e --env --procfile | 0 | command
coverage kernprof scalene jurigged hupper pyinstrument viztracer | run | --source --omit \
--include --rcfile -o | 0 | python
debugpy | | --listen --connect --log-to | 0 | python
concurrently conc | | -n --names -c --prefix-colors -p --prefix -s --success -l --prefix-length \
-m --max-processes -t --kill-signal --restart-tries --restart-after --hide --name-separator \
--default-input-target | 0 | texts
mprocs stmux multiview | | -c --config --names | 0 | texts
hyperfine | | -w -r -n --warmup --runs --prepare | 0 | texts
parallel | | -j --jobs -a | 0 | texts
nodemon | | -w --watch -e --ext -i --ignore -d --delay --signal -C --config --cwd text:-x \
text:--exec | 0 | none
wait-for-it wait-for-it.sh wait-for wait-for.sh dockerize | | -t --timeout -h -p -wait -timeout \
| 0 | dashes
daemonize daemon | | -p -l -o -e -u -c -a --name --output | 0 | command
tmux | new-session new new-window neww split-window splitw respawn-pane | -s -n -t -x -y -F -l \
-p -e cd:-c | 0 | text
screen | | -S -c -L -T -t -p -dmS -dmLS | 0 | command
styxy | run | -s --service-type --type -n --name -p --port --backend cd:--project | 0 | command
"""


@cache
def launchers() -> dict[str, tuple[Launcher, ...]]:
    """Return every launcher by name; several may share a name, with different subcommands."""
    found: dict[str, tuple[Launcher, ...]] = {}
    for line in _ROWS.strip().splitlines():
        launcher = _launcher(line)
        for name in launcher.names:
            found[name] = (*found.get(name, ()), launcher)
    return found


def _launcher(line: str) -> Launcher:
    names, subcommands, flags, skipped, rest = (cell.strip() for cell in line.split("|"))
    marked: dict[str, set[str]] = {mark: set() for mark in ("", "cd", "text", "self", "cmd")}
    for flag in flags.split():
        mark, _, name = flag.rpartition(":")
        marked[mark].add(name)
    return Launcher(
        names=tuple(names.split()),
        subcommands=tuple(subcommands.split()),
        value_flags=frozenset(marked[""]),
        directory_flags=frozenset(marked["cd"]),
        text_flags=frozenset(marked["text"]),
        self_flags=frozenset(marked["self"]),
        command_flags=frozenset(marked["cmd"]),
        skipped=int(skipped or 0),
        rest=next(each for each in get_args(Rest) if each == rest),
    )
