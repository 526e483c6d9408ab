"""The package for Debian as dpkg itself installs, upgrades, removes and purges it (`deb_texts`).

The system is a copy that only these processes see: what they change is in the upper layer of an
overlay, which then shows file for file what the package has left behind.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from styxy import __version__
from tests.fakes import free_port
from tests.installed import clean_env, run
from tests.scripts.release.built import needs_release_tools
from tests.scripts.release.test_deb import needs_dpkg, package

pytestmark = [pytest.mark.slow, needs_release_tools, needs_dpkg]

LAYERS = """
    mount -t tmpfs tmpfs "$0"
    mkdir "$0/upper" "$0/work" "$0/root"
    mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$0/root"
    for each in proc dev; do mount --rbind "/$each" "$0/root/$each"; done
"""

IN_A_COPY = """
    cp "$1" "$0/root/styxy.deb"
    chroot "$0/root" sh -euc "$2"
    rm "$0/root/styxy.deb"
    cd "$0/upper"
    find . ! -type d | grep -Ev '^./var/(lib/dpkg|log|cache/man)/|^./etc/ld.so.cache$' |
        sed 's/^/left /'
"""
"""Whatever is left, but the books of dpkg(1) and the index of man(1), which its trigger writes."""

SESSION = """
    mkdir /user
    dpkg -i styxy.deb
    styxy --version
    styxy doctor
    find /usr/lib/styxy -name "*.pyc" | sed -n "1s/.*/it is compiled/p"
    /usr/lib/styxy/bin/python3 -c '
from styxy.client.doctor.fixes import adding
print(adding("tui"))'
    dpkg -i styxy.deb
    styxy --version
    dpkg --verify styxy
    dpkg --remove styxy
    ! test -e /usr/lib/styxy
    dpkg --purge styxy
    rm -r /user
"""


def in_copy(place: Path, script: str, *words: str | Path) -> tuple[int, str]:
    """Run a script with the layers mounted; return its status and all that it says."""
    command = ("unshare", "--mount", "--propagation", "private", "sh", "-euc")
    env = clean_env(
        PATH="/usr/sbin:/usr/bin:/sbin:/bin",
        HOME="/user",
        STYXY_HOME="/user/.styxy",
        STYXY_DAEMON_PORT=str(free_port()),
        DEBIAN_FRONTEND="noninteractive",
        LC_ALL="C",
    )
    done = run(*command, LAYERS + script, place, *words, env=env)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """An empty folder, where this system can be mounted once more, with dpkg's Python in it."""
    asked = 'chroot "$0/root" dpkg-query -W -f "\\${Status}" python3 libc6'
    status, said = in_copy(tmp_path, asked)
    if status != 0:
        pytest.skip(f"no copy of this system, or no Debian with python3: {said.strip()}")
    return tmp_path


def test_dpkg_installs_upgrades_and_removes_it_and_nothing_is_left(place: Path) -> None:
    status, said = in_copy(place, IN_A_COPY, package(), SESSION)
    assert status == 0, said
    lines = said.splitlines()
    assert lines.count(f"styxy {__version__}") == 2
    assert any(line.endswith(" 0 errors") for line in lines)
    assert "it is compiled" in lines
    assert "pipx install 'styxy[tui]'" in lines
    assert f"Unpacking styxy ({__version__}) over ({__version__}) ..." in lines
    assert [line for line in lines if line.startswith("left ")] == []


def test_a_file_that_is_left_would_be_seen(place: Path) -> None:
    said = in_copy(place, IN_A_COPY, __file__, "touch /usr/lib/forgotten")
    assert said == (0, "left ./usr/lib/forgotten\n")
