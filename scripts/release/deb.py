"""`make deb`: a package for Debian and Ubuntu, from a wheel in dist and the libraries of the lock.

One package serves every Python of `deb_texts.PYTHONS`: the libraries' compiled modules have the
version in their names, and lie beside each other. The same wheel and lock make the same bytes.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from scripts.release import deb_texts as texts
from scripts.release.failure import Failure, ending_well, run
from scripts.release.targets import HOOK, TARGETS, Target
from scripts.release.wheels import ROOT, put, say, source_date
from styxy import __version__

LOCK = Path(__file__).with_name("locks") / "running.txt"

OF_AN_INSTALLATION = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
"""What pip notes of this one; dpkg has its own list."""


def build(dist: Path, *, target: Target = TARGETS[0]) -> Path:
    """Build the package from the wheel for `target` in `dist`; put it into `dist/deb`.

    Raises `Failure` if the wheel, dpkg-deb(1) or a library is missing.
    """
    wheel = dist / f"styxy-{__version__}-py3-none-{target.tag}.whl"
    if not wheel.exists():
        raise Failure(f"{wheel} is missing; try: make wheels")
    if not shutil.which("dpkg-deb"):
        raise Failure("dpkg-deb is not installed; try: apt-get install dpkg")
    with tempfile.TemporaryDirectory(prefix="styxy-deb-") as scratch:
        tree = Path(scratch, "tree")
        fill(tree, wheel, target)
        describe(tree, target.machine)
        name = f"styxy_{__version__}_{texts.ARCHITECTURES[target.machine]}.deb"
        packed = Path(scratch, name)
        env = os.environ | {"SOURCE_DATE_EPOCH": str(source_date())}
        run(["dpkg-deb", "--root-owner-group", "-Zxz", "--build", tree, packed], env=env)
        return put(packed, dist / "deb")


def fill(tree: Path, wheel: Path, target: Target) -> None:
    """Lay out what is installed."""
    home = tree / texts.HOME
    packages = home / "lib" / "python3" / "site-packages"
    for version in texts.PYTHONS:
        say(f"libraries for Python {version} on {target.machine}")
        install(packages, target, version, "--require-hashes", "-r", str(LOCK))
        home.joinpath("lib", f"python{version}").symlink_to("python3")
    install(packages, target, texts.PYTHONS[0], "--no-deps", str(wheel))
    for name in OF_AN_INSTALLATION:
        for path in packages.glob(f"*.dist-info/{name}"):
            path.unlink()
    shutil.rmtree(packages / "bin")
    shutil.move(packages / "share", tree / "usr" / "share")
    pages = tree / "usr/share/man/man1"
    compress(pages / "styxy.1")
    pages.joinpath(f"{HOOK}.1.gz").symlink_to("styxy.1.gz")
    programs = home / "bin"
    programs.mkdir()
    shutil.copy(packages / "styxy" / "native" / HOOK, programs / HOOK)
    write(programs / "styxy", texts.COMMAND, mode=0o755)
    programs.joinpath("python3").symlink_to("../../../bin/python3")
    write(home / "pyvenv.cfg", texts.ENVIRONMENT)
    tree.joinpath("usr/bin").mkdir()
    for name in ("styxy", HOOK):
        tree.joinpath("usr/bin", name).symlink_to(f"../lib/styxy/bin/{name}")


def install(into: Path, target: Target, version: str, *what: str) -> None:
    """Let pip add packages to a tree for another Python, and perhaps another machine."""
    with tempfile.TemporaryDirectory(prefix="styxy-deb-") as scratch:
        words = ["--no-compile", "--only-binary=:all:", "--python-version", version]
        # pip takes a platform as a word, not as a promise of what is older.
        for glibc in ("2_28", "2_17", "2_12", "2_5"):
            words += ["--platform", f"manylinux_{glibc}_{target.machine}"]
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
        run([*pip, "install", *words, "--target", scratch, *what])
        shutil.copytree(scratch, into, dirs_exist_ok=True)


def describe(tree: Path, machine: str) -> None:
    """Add documents, the user unit, and what dpkg reads; nobody but root may write to any of it."""
    date = source_date()
    documents = tree / "usr/share/doc/styxy"
    write(documents / "copyright", texts.copyright_of(ROOT.joinpath("LICENSE").read_text("utf-8")))
    write(documents / "changelog.gz", texts.changelog(date))
    compress(documents / "changelog.gz", keeps_name=True)
    shutil.copy(ROOT / "CHANGELOG.md", documents)
    compress(documents / "CHANGELOG.md")
    write(tree / "usr/lib/systemd/user/styxy.service", texts.UNIT)
    write(tree / "usr/share/lintian/overrides/styxy", texts.OVERRIDES)
    write(tree / "usr/share/python3/runtime.d/styxy.rtupdate", texts.RTUPDATE, mode=0o755)
    size = sum(path.lstat().st_size for path in files_of(tree))
    sums = "".join(
        f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  "
        f"{path.relative_to(tree)}\n"
        for path in files_of(tree)
    )
    write(tree / "DEBIAN/md5sums", sums)
    write(tree / "DEBIAN/control", texts.control(machine=machine, kibibytes=-(-size // 1024)))
    write(tree / "DEBIAN/postinst", texts.POSTINST, mode=0o755)
    write(tree / "DEBIAN/prerm", texts.PRERM, mode=0o755)
    settle(tree, date)


def settle(tree: Path, date: int) -> None:
    """Give everything the same rights and time, whoever builds it and when."""
    for path in (*sorted(tree.rglob("*"), reverse=True), tree):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or is_program(path) else 0o644)
        os.utime(path, (date, date), follow_symlinks=False)


def is_program(path: Path) -> bool:
    """Whether a file is to be executed: a script, or an ELF file that is no library."""
    start = path.read_bytes()[:4]
    return start[:2] == b"#!" or (start == b"\x7fELF" and ".so" not in path.name)


def files_of(tree: Path) -> Iterator[Path]:
    """Every file below a folder, in a fixed order."""
    return (path for path in sorted(tree.rglob("*")) if path.is_file() and not path.is_symlink())


def write(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def compress(path: Path, *, keeps_name: bool = False) -> None:
    """Pack a file without a name and a time in it, as `gzip -9n` does."""
    packed = gzip.compress(path.read_bytes(), compresslevel=9, mtime=0)
    path.unlink()
    (path if keeps_name else path.with_name(f"{path.name}.gz")).write_bytes(packed)


def main(words: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--dist", type=Path, default=ROOT / "dist", help="where the wheels are")
    parser.add_argument("--machine", choices=[*texts.ARCHITECTURES], default="x86_64")
    asked = parser.parse_args(words)
    target = next(each for each in TARGETS if each.machine == asked.machine)
    return ending_well(partial(_build_from, asked.dist, target))


def _build_from(dist: Path, target: Target) -> None:
    build(dist, target=target)


if __name__ == "__main__":
    sys.exit(main())
