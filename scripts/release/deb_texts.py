"""The texts of the package for Debian: control files, scripts of the maintainer, the user unit.

The package is for one machine and for every Python from 3.11 on that our dependencies have wheels
for. It brings them in a tree of its own, because Debian has none of the versions that Styxy needs.
"""

from __future__ import annotations

import time

from styxy import __version__
from styxy.client.service.unit_text import packaged_unit

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
HOME = "usr/lib/styxy"
"""The tree of the package: a virtual environment (PEP 405) of the system's Python."""

MAINTAINER = "The Styxy authors <styxy@localhost>"
"""There is no public address yet; `overrides` says so to lintian(1)."""

CONTROL = """\
Package: styxy
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {kibibytes}
Depends: python3 (>= {first}~), python3 (<< {beyond}~), libc6 (>= 2.17)
Section: devel
Priority: optional
Description: coordinates the ports of one developer machine
 Several projects, worktrees and coding agents run on one machine, and want the
 same ports. Styxy leases ports to projects, moves a server whose port is taken
 to a free one and says so, and tells who is on a port.
 .
 Nothing is started by the installation: the daemon of a user starts when a
 command needs it.
"""

CHANGELOG = """\
styxy ({version}) unstable; urgency=medium

  * What has changed: /usr/share/doc/styxy/CHANGELOG.md.gz

 -- {maintainer}  {date}
"""

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: Styxy
Comment:
 Each library below /usr/lib/styxy/lib has its licence in its .dist-info. The
 notice of musl, which is a part of styxy-seccomp, is beside that program.

Files: *
Copyright: {holder}
License: Expat
{licence}
"""

POSTINST = """\
#!/bin/sh
set -e
if [ "$1" = configure ] && command -v py3compile >/dev/null; then
    py3compile -p styxy /usr/lib/styxy
fi
"""

PRERM = """\
#!/bin/sh
set -e
if command -v py3clean >/dev/null; then
    py3clean -p styxy
fi
"""

RTUPDATE = """\
#!/bin/sh
# Compile again when the system gets another Python.
set -e
if [ "$1" = rtupdate ]; then
    py3clean -p styxy /usr/lib/styxy
    py3compile -p styxy /usr/lib/styxy
fi
"""

COMMAND = """\
#!/usr/lib/styxy/bin/python3
import sys

from styxy.client.cli.main import main

sys.exit(main())
"""

ENVIRONMENT = "home = /usr/bin\ninclude-system-site-packages = false\n"

UNIT = packaged_unit((f"/{HOME}/bin/python3", "-P", "-m", "styxy.server"))
"""What `styxy service install` writes, as far as a package can know it."""

OVERRIDES = """\
# There is no public address yet.
styxy: bogus-mail-host *
styxy: bogus-mail-host-in-debian-changelog *
# It was never uploaded to Debian, so there is no bug to close.
styxy: initial-upload-closes-no-bugs *
# A virtual environment has its interpreter as a link.
styxy: unusual-interpreter *
styxy: wrong-path-for-interpreter *
# Each library has its licence at its own place, and modules as their hashes in the lock say.
styxy: extra-license-file *
styxy: unstripped-binary-or-object *
# A static program runs before other static programs, and starts in half the time.
styxy: statically-linked-binary *
# What every program would pay for it is in native/build.py.
styxy: hardening-no-relro *
"""


def control(*, machine: str, kibibytes: int) -> str:
    """Write DEBIAN/control."""
    minor = int(PYTHONS[-1].partition(".")[2])
    return CONTROL.format(
        version=__version__,
        architecture=ARCHITECTURES[machine],
        maintainer=MAINTAINER,
        kibibytes=kibibytes,
        first=PYTHONS[0],
        beyond=f"3.{minor + 1}",
    )


def changelog(seconds: int) -> str:
    """Write debian/changelog, with the time of the last commit (deb-changelog(5))."""
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(seconds))
    return CHANGELOG.format(version=__version__, maintainer=MAINTAINER, date=date)


def copyright_of(licence: str) -> str:
    """Write debian/copyright around the text of LICENSE, whose first lines name it and us."""
    _title, notice, *paragraphs = licence.strip().split("\n\n")
    lines = "\n\n".join(paragraphs).splitlines()
    text = "\n".join(f" {line}" if line else " ." for line in lines)
    return COPYRIGHT.format(holder=notice.removeprefix("Copyright (c) "), licence=text)
