"""The text of the systemd units, and what can be read back from it (systemd.syntax(7)).

Everything about the daemon is in `Description`; what a line of the service is for stands above it
in the unit itself, where whoever wonders will look.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from styxy.client.service.description import Description

MARK = "# Written by `styxy service install`, which also brings it up to date."

WATCHDOG_SECONDS = 10
"""Without a sign of life; a turn of the daemon's loop takes milliseconds, and a client waits two
seconds for an answer."""

_SERVICE = """\
{mark}
# To remove it: styxy service uninstall

[Unit]
Description=Styxy, which coordinates the ports of this user
# Not Requires=: if somebody else has the port, the daemon opens those of its sockets that it can.
Wants=styxy.socket
After=styxy.socket
StartLimitIntervalSec=30
StartLimitBurst=10

[Service]
Type=notify
ExecStart={command}
ExecReload=kill -HUP $MAINPID
{variables}
WorkingDirectory=-{home}
StandardOutput=append:{log}
StandardError=append:{log}
Restart=always
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
Also=styxy.socket
"""

_SOCKET = """\
{mark}
# To remove it: styxy service uninstall

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
    return _SERVICE.format(
        mark=MARK,
        command=" ".join(_quoted(word).replace("$", "$$") for word in daemon.command),
        variables="\n".join(
            f"Environment={_quoted(f'{name}={value}')}" for name, value in daemon.variables.items()
        ),
        home=_literal(daemon.home),
        log=_literal(daemon.log),
        watchdog=WATCHDOG_SECONDS,
    )


def socket_unit(daemon: Description) -> str:
    """Write `styxy.socket`."""
    streams = [f"ListenStream={_literal(each)}" for each in (*daemon.tcp, *daemon.streams)]
    datagrams = [f"ListenDatagram={_literal(each)}" for each in daemon.datagrams]
    return _SOCKET.format(mark=MARK, listeners="\n".join([*streams, *datagrams]))


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
