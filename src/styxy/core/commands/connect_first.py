"""Tools that connect first: they start a server, and ask a port of this machine whether it is up.

What answers there before their server does is never theirs, whichever repo it is of: a test that
`start-server-and-test "npm start" http://localhost:3000 test` runs beside another repo's server
would test that one, and pass. So for such a tool only the project's own server answers at a port
that its command line names, or that the project's repo has asked for before.

Others look in this way whether the port of their own server is free, and take another one if not.
To them a sibling's server, which nobody else in this project reaches, has to be there, until they
have a server of their own: or they would take its port for free. Their names begin with `?`.

The daemon writes this list into the header of the port map, where the library looks for the name of
a program (`native/guest/calls/own_only.c`): of its executable or its script, with or without an
ending, or of a folder of `node_modules` on the way to it. Of a Python program, whose framework no
command line shows, it also reads whether its script imports a module of that name.
"""

from __future__ import annotations

CONNECT_FIRST: tuple[str, ...] = (
    # It waits with wait-on, in its own process, for the URL or the port of its arguments.
    "start-server-and-test",
    "server-test",
    "start-test",
    # Its `webServer` looks at `url` or `port` of the configuration before and after the start.
    "playwright",
    "@playwright/test",
    # Before it binds, portend connects, and takes any answer for "port not free".
    "cherryd",
    "cherrypy",
    # Both by portscanner: the second one is made of the first.
    "?browser-sync",
    "?lite-server",
)
"""Names of programs, packages and modules; `?` marks those that look."""
