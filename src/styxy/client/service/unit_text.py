"""The text of the systemd units, and what can be read back from it (systemd.syntax(7)).

Everything about the daemon is in `Description`; what a line of the service is for stands above it
in the unit itself, where whoever wonders will look.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from styxy.client.service.description import Description

MARK = "# Written by `styxy service install`, which also brings it up to date."
REMOVAL = "# To remove it: styxy service uninstall"

OF_A_PACKAGE = """\
# Nothing starts it until a user says: systemctl --user enable --now styxy
# In its place, `styxy service install` puts one whose sockets stay open while the daemon restarts:
# where they are depends on the user's home and settings, which a package cannot know.\
"""

WATCHDOG_SECONDS = 10
"""Without a sign of life; a turn of the daemon's loop takes milliseconds, and a client waits two
seconds for an answer."""

_SERVICE = """\
{head}

[Unit]
Description=Styxy, which coordinates the ports of this user
{more}StartLimitIntervalSec=30
StartLimitBurst=10

[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
{place}Restart=always
WatchdogSec={watchdog}
TimeoutStartSec=60
TimeoutStopSec=15
LimitCORE=0

# Processes that look at other users' directories end with the daemon, unless a dead mount holds
# them in the kernel; a restart must not wait for that.
KillMode=process

# What works without a namespace of its own: in one, the kernel would not show the daemon the
# directories and the open files of the user's other processes, and it could not tell whose port
# it is. So no option that makes one stands here (PrivateTmp=, ProtectSystem=, ProtectHome= ...).
NoNewPrivileges=yes
UMask=0077
LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM

[Install]
WantedBy=default.target
{also}"""

_SOCKETS = """\
# Not Requires=: if somebody else has the port, the daemon opens those of its sockets that it can.
Wants=styxy.socket
After=styxy.socket
"""

_PLACE = """\
{variables}
WorkingDirectory=-{home}
StandardOutput=append:{log}
StandardError=append:{log}
"""

_SOCKET = """\
{head}

[Unit]
Description=Sockets of the Styxy daemon, which stay open while it restarts

[Socket]
{listeners}
BindIPv6Only=ipv6-only
SocketMode=0600
DirectoryMode=0700
Backlog=2048
RemoveOnStop=yes

[Install]
WantedBy=sockets.target
"""


def service_unit(daemon: Description) -> str:
    """Write `styxy.service`."""
    place = _PLACE.format(
        variables="\n".join(
            f"Environment={_quoted(f'{name}={value}')}" for name, value in daemon.variables.items()
        ),
        home=_literal(daemon.home),
        log=_literal(daemon.log),
    )
    return _service(
        daemon.command,
        head=f"{MARK}\n{REMOVAL}",
        more=_SOCKETS,
        place=place,
        also="Also=styxy.socket\n",
    )


def packaged_unit(command: Sequence[str]) -> str:
    """Write the `styxy.service` of a package, for the home `~/.styxy` of whoever starts it.

    What the daemon says goes to systemd's journal, for the home need not be there yet.
    """
    return _service(
        command, head=OF_A_PACKAGE, more="Documentation=man:styxy(1)\n", place="", also=""
    )


def _service(command: Sequence[str], *, head: str, more: str, place: str, also: str) -> str:
    return _SERVICE.format(
        head=head,
        more=more,
        command=" ".join(_quoted(word).replace("$", "$$") for word in command),
        place=place,
        watchdog=WATCHDOG_SECONDS,
        also=also,
    )


def socket_unit(daemon: Description) -> str:
    """Write `styxy.socket`."""
    streams = [f"ListenStream={_literal(each)}" for each in (*daemon.tcp, *daemon.streams)]
    datagrams = [f"ListenDatagram={_literal(each)}" for each in daemon.datagrams]
    return _SOCKET.format(head=f"{MARK}\n{REMOVAL}", listeners="\n".join([*streams, *datagrams]))


def home_of(unit: str) -> str | None:
    """Return the home that a `styxy.service` of ours serves; None if it is not of ours."""
    found = re.search(r'^Environment="STYXY_HOME=(.*)"$', unit, re.MULTILINE)
    if not unit.startswith(MARK) or found is None:
        return None
    return re.sub(r"%(%)|\\(.)", r"\1\2", found[1])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{_literal(escaped)}"'


def _literal(text: str) -> str:
    return text.replace("%", "%%")
