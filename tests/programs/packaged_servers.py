"""Servers that a distribution packages: web servers, databases, interpreters with one inside."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

from tests.programs.languages import memcached_name, postgres_name, redis_name
from tests.programs.program import Program
from tests.programs.sources import command, static

BOTH = ("127.0.0.1", "::1")
PAGE = {"index.html": "CONTENT\n"}

NGINX = """
daemon off;
worker_processes 2;
pid server.pid;
events {}
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    server {
        listen PORT;
        listen [::]:PORT;
        location / { return 200 "CONTENT"; }
    }
}
"""

REDIS = """
port PORT
save ""
syslog-ident "CONTENT"
"""

ANSWER = r"""
while read -r line && [ "$line" != "$(printf '\r')" ]; do :; done
printf 'HTTP/1.0 200 OK\r\n\r\nCONTENT'
"""

STATIC_CHILD = """
busybox httpd -f -p "127.0.0.1:$1"
echo the server has ended
"""

NPM_STATIC = '{"private": true, "scripts": {"dev": "busybox httpd -f -p"}}'

PHP = '<?php echo "CONTENT";'

RUBY = """
require 'socket'
server = TCPServer.new('127.0.0.1', ARGV[0].to_i)
puts "serving on #{server.addr[1]}"
$stdout.flush
loop do
  link = server.accept
  link.gets("\\r\\n\\r\\n")
  link.write("HTTP/1.0 200 OK\\r\\n\\r\\nCONTENT")
  link.close
end
"""

CADDYFILE = """
{
    admin off
    auto_https off
    log {
        level WARN
    }
}
:PORT {
    respond "CONTENT"
}
"""

LIGHTTPD = """
server.modules = ("mod_indexfile")
server.port = PORT
server.bind = "127.0.0.1"
server.document-root = var.CWD
index-file.names = ("index.html")
"""

POSTGRES = "cluster_name = 'CONTENT'\n"

EARLY = r"(?:.*FATAL:  the database system is starting up\n)*"
"""What PostgreSQL says of each client that comes too early."""

POSTGRES_VARIES = (
    rf"{EARLY}.* database system was shut down .*\n{EARLY}.* is ready to accept .*\n{EARLY}",
    r"\d{4}-\d\d-\d\d [\d:.]+ UTC",
    r"(?<=\[)\d+(?=\])",
    r"(?<=PID )\d+",
    r"(?<=: wrote ).*",
)
BUSYBOX = static("busybox", package="busybox-static")
_POSTGRES = shutil.which("postgres") or "postgres"
_BIN = Path(_POSTGRES).resolve().parent
AS_USER = ("unshare", "--user", "--map-user=1000", "--map-group=1000") if os.geteuid() == 0 else ()
"""PostgreSQL does not run for root; in a user namespace nobody is."""

PACKAGED_SERVERS = (
    Program(
        name="nginx",
        words=("nginx", "-e", "stderr", "-p", ".", "-c", "nginx.conf"),
        files={"nginx.conf": NGINX},
        addresses=BOTH,
        source=command("nginx", "-v", package="nginx-light"),
    ),
    Program(
        name="redis-server",
        words=("redis-server", "redis.conf"),
        files={"redis.conf": REDIS},
        addresses=BOTH,
        ask=redis_name,
        varies=(r"\d+:[CM] \d\d \w+ \d{4} [\d:.]+", r"pid=\d+", r"\d+:signal-handler \(\d+\)"),
        source=command("redis-server", "--version", package="redis-server"),
    ),
    Program(
        name="memcached",
        words=("memcached", "-u", "nobody", "-p", "PORT"),
        files={"name": "CONTENT"},
        addresses=BOTH,
        ask=memcached_name,
        source=command("memcached", "-V", package="memcached"),
        # It becomes nobody before it binds, and then only root's supervisor reaches it.
        backend="seccomp" if os.geteuid() == 0 else "preload",
        is_slow=True,
    ),
    Program(
        name="socat",
        words=("socat", "TCP-LISTEN:PORT,fork,reuseaddr", "EXEC:sh answer.sh"),
        files={"answer.sh": ANSWER},
        source=command("socat", "-V", package="socat"),
    ),
    Program(
        name="busybox httpd",
        words=("busybox", "httpd", "-f", "-p", "PORT"),
        files=PAGE,
        addresses=BOTH,
        source=BUSYBOX,
        backend="seccomp",
    ),
    Program(
        name="a static child of a shell script",
        words=("sh", "dev.sh", "PORT"),
        files={**PAGE, "dev.sh": STATIC_CHILD},
        ends_by=signal.SIGINT,
        ends_tree=True,
        source=BUSYBOX,
        backend="seccomp",
    ),
    Program(
        name="a static child of npm run",
        words=("npm", "run", "dev", "PORT"),
        files={**PAGE, "package.json": NPM_STATIC},
        ends_by=signal.SIGINT,
        ends_tree=True,
        source=BUSYBOX,
        backend="seccomp",
        is_slow=True,
    ),
    Program(
        name="php -S",
        words=("php", "-q", "-S", "127.0.0.1:PORT"),
        backend="seccomp",
        files={"index.php": PHP},
        ends_by=signal.SIGINT,
        varies=(r"\[\w{3} \w{3} +\d+ [\d:]+ \d{4}\]",),
        source=command("php", "--version", package="php-cli"),
    ),
    Program(
        name="Ruby TCPServer",
        words=("ruby", "server.rb", "PORT"),
        files={"server.rb": RUBY},
        says="serving on PORT",
        source=command("ruby", "--version", package="ruby"),
        is_slow=True,
    ),
    Program(
        name="ruby -run -e httpd",
        words=("ruby", "-run", "-e", "httpd", "--", ".", "--port", "PORT"),
        files=PAGE,
        addresses=BOTH,
        ends_by=signal.SIGINT,
        is_in_order=False,
        varies=(r"\[[-\d]+ [\d:]+\]", r"\[\d+/\w+/\d{4}:[\d:]+ UTC\]", r"pid=\d+"),
        source=command("ruby", "--version", package="ruby ruby-webrick"),
        is_slow=True,
    ),
    Program(
        name="Caddy",
        words=("caddy", "run", "--config", "Caddyfile", "--adapter", "caddyfile"),
        files={"Caddyfile": CADDYFILE},
        addresses=BOTH,
        varies=(r'"ts":[\d.]+', "0xc[0-9a-f]+"),
        source=command("caddy", "version", package="caddy"),
        backend="seccomp",
        is_slow=True,
    ),
    Program(
        name="lighttpd",
        words=("lighttpd", "-D", "-f", "lighttpd.conf"),
        files={**PAGE, "lighttpd.conf": LIGHTTPD},
        ends_by=signal.SIGINT,
        varies=(r"\d{4}-\d\d-\d\d [\d:]+",),
        source=command("lighttpd", "-v", package="lighttpd"),
        is_slow=True,
    ),
    Program(
        name="PostgreSQL",
        words=(*AS_USER, _BIN / "postgres", "-D", "data", "-h", "*", "-p", "PORT", "-k", ""),
        files={"more.conf": POSTGRES},
        ask=postgres_name,
        prepares=(
            *AS_USER,
            "sh",
            "-c",
            f"{{ test -d data || {_BIN / 'initdb'} --no-sync -A trust -U test -D data; }}"
            " && cat more.conf >> data/postgresql.conf",
        ),
        addresses=BOTH,
        ends_by=signal.SIGINT,
        varies=POSTGRES_VARIES,
        source=command(_POSTGRES, "--version", package="postgresql"),
        is_slow=True,
    ),
)
