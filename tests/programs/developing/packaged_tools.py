"""What Debian packages: web servers, stores, proxies, static sites, debuggers, ssh."""

from __future__ import annotations

from dataclasses import replace

from tests.programs.developing.asking import marked, session_of, session_serving
from tests.programs.packaged_servers import AS_USER
from tests.programs.program import Program
from tests.programs.sources import command

APACHE = """
ServerRoot "."
ServerName localhost
PidFile "server.pid"
Mutex fcntl:.
Listen 127.0.0.1:PORT
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule dir_module /usr/lib/apache2/modules/mod_dir.so
ErrorLog "/dev/stderr"
DocumentRoot "."
DirectoryIndex index.html
User nobody
Group nogroup
"""

HAPROXY = """
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend all
    bind 127.0.0.1:PORT
    http-request return status 200 content-type text/plain string "[[CONTENT]]"
"""

PUMA = """
run ->(env) { [200, {"content-type" => "text/plain"}, ["[[CONTENT]]"]] }
"""

RAILS = {
    "bin/rails": "APP_PATH = File.expand_path('../config/application', __dir__)\n"
    "require 'rails/commands'\n",
    "config/application.rb": """
require 'rails'
require 'action_controller/railtie'
class HomeController < ActionController::Base
  def show = render(plain: '[[CONTENT]]')
end
class App < Rails::Application
  config.eager_load = false
  config.secret_key_base = 'not one'
  routes.append { root to: 'home#show' }
end
""",
    "config.ru": """
require_relative 'config/application'
Rails.application.initialize!
run Rails.application
""",
}

PERL = """
my $app = sub { [200, ["Content-Type" => "text/plain"], ["[[CONTENT]]"]] };
"""

MOJO = """
use Mojolicious::Lite;
get "/" => { text => "[[CONTENT]]" };
app->start;
"""

WSGI = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"[[CONTENT]]"]
"""

PROMETHEUS = "global:\n  scrape_interval: 1h\n"
ALERTS = "route:\n  receiver: nobody\nreceivers:\n  - name: nobody\n"
SSHD = """
Port PORT
ListenAddress 127.0.0.1
HostKey ./key
PidFile none
"""
MOSQUITTO = "listener PORT 127.0.0.1\nallow_anonymous true\n"
TINYPROXY = "Port PORT\nListen 127.0.0.1\nUser nobody\nLogLevel Error\n"
STUNNEL = """
foreground = yes
pid =
[one]
client = yes
accept = 127.0.0.1:PORT
connect = 127.0.0.1:9
"""
RSYNC = "use chroot = no\nport = PORT\naddress = 127.0.0.1\npid file =\n"
HUGO = {
    "config.toml": 'title = "home"\ndisableKinds = ["taxonomy", "term", "RSS", "sitemap"]\n',
    "layouts/index.html": "[[CONTENT]]\n",
}
JEKYLL = {"index.html": "---\n---\n[[CONTENT]]\n", "_config.yml": "title: home\n"}


PAGE = {"index.html": "<p>[[CONTENT]]</p>\n"}
SINATRA = """
require 'sinatra'
get('/') { '[[CONTENT]]' }
"""
PRIVOXY = "listen-address 127.0.0.1:PORT\nlogdir .\nconfdir /etc/privoxy\n"

SSH = (
    "exec ssh -F /dev/null -i key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
    "-o ExitOnForwardFailure=yes "
    '-o "ProxyCommand=/usr/sbin/sshd -i -f $PWD/sshd.conf" -N "$@" root@localhost'
)
"""Its server speaks to it through a pipe, so that the forward is the one thing that listens."""

KEYS = """
mkdir -p /run/sshd
test -f key || ssh-keygen -qN '' -f key
printf '%s\\n' "HostKey $PWD/key" "AuthorizedKeysFile $PWD/key.pub" 'StrictModes no' \\
    'PermitRootLogin yes' 'PidFile none' 'UsePAM no' > sshd.conf
"""

MARIADB = (
    'exec mariadbd --no-defaults --datadir="$PWD/data" --socket="$PWD/socket" '
    '--bind-address=127.0.0.1 --skip-grant-tables "$@"'
)
VARNISH = 'exec varnishd -F -T none -n "$PWD/work" -b 127.0.0.1:9 "$@"'


def packaged(
    name: str,
    *words: str,
    package: str,
    files: dict[str, str] | None = None,
    version: tuple[str, ...] = ("--version",),
) -> Program:
    """Describe a program that is known by the session that listens."""
    binary = next(word for word in words if word not in AS_USER)
    return Program(
        name=name,
        words=words,
        files=files or {},
        ask=session_of,
        source=command(binary, *version, package=package),
    )


def page(
    name: str,
    *words: str,
    package: str,
    files: dict[str, str],
    version: tuple[str, ...] = ("--version",),
) -> Program:
    """Describe a program that serves a page with a mark."""
    known = packaged(name, *words, package=package, files=files, version=version)
    return replace(known, ask=marked())


def forward(name: str, *words: str) -> Program:
    """Describe a forward of ssh's, through a server of its own."""
    known = packaged("ssh", "ssh", package="openssh-client openssh-server", version=("-V",))
    return replace(
        known, name=name, words=("sh", "-c", SSH, "ssh", *words), prepares=("sh", "-c", KEYS)
    )


PACKAGED_TOOLS = (
    packaged(
        "Apache", "apache2", "-X", "-d", ".", "-f", "apache.conf",
        package="apache2-bin", files={"apache.conf": APACHE}, version=("-v",),
    ),
    page(
        "HAProxy", "haproxy", "-f", "haproxy.cfg",
        package="haproxy", files={"haproxy.cfg": HAPROXY}, version=("-v",),
    ),
    page(
        "Puma", "puma", "-b", "tcp://127.0.0.1:PORT", "config.ru",
        package="puma", files={"config.ru": PUMA},
    ),
    page(
        "thin", "thin", "start", "-R", "config.ru", "-a", "127.0.0.1", "-p", "PORT",
        package="thin", files={"config.ru": PUMA}, version=("-v",),
    ),
    page(
        "Rails", "rails", "server", "-p", "PORT", package="ruby-rails puma", files=RAILS,
    ),
    page("Jekyll", "jekyll", "serve", "-P", "PORT", package="jekyll", files=JEKYLL),
    page("Hugo", "hugo", "server", "-p", "PORT", package="hugo", files=HUGO, version=("version",)),
    page(
        "starman", "starman", "--listen", "127.0.0.1:PORT", "app.psgi",
        package="starman", files={"app.psgi": PERL},
    ),
    page(
        "plackup", "plackup", "-p", "PORT", "app.psgi",
        package="libplack-perl", files={"app.psgi": PERL},
    ),
    page(
        "morbo", "morbo", "-l", "http://127.0.0.1:PORT", "app.pl",
        package="libmojolicious-perl", files={"app.pl": MOJO},
    ),
    page(
        "uwsgi", "uwsgi", "--plugin", "python3", "--http-socket", "127.0.0.1:PORT",
        "--wsgi-file", "app.py", "--die-on-term",
        package="uwsgi-plugin-python3", files={"app.py": WSGI},
    ),
    replace(
        packaged(
            "etcd", "etcd", "--data-dir", "data", "--listen-client-urls",
            "http://127.0.0.1:PORT", "--advertise-client-urls", "http://127.0.0.1:PORT",
            "--listen-peer-urls", "http://127.0.0.1:0", package="etcd-server",
        ),
        ask=session_serving("/health"),
    ),
    packaged(
        "Prometheus", "prometheus", "--web.listen-address=127.0.0.1:PORT",
        "--config.file=prometheus.yml", package="prometheus",
        files={"prometheus.yml": PROMETHEUS},
    ),
    packaged(
        "Alertmanager", "prometheus-alertmanager", "--web.listen-address=127.0.0.1:PORT",
        "--config.file=alerts.yml", "--cluster.listen-address=", package="prometheus-alertmanager",
        files={"alerts.yml": ALERTS},
    ),
    packaged(
        "node_exporter", "prometheus-node-exporter", "--web.listen-address=127.0.0.1:PORT",
        package="prometheus-node-exporter",
    ),
    replace(
        packaged("MariaDB", "mariadbd", package="mariadb-server-core"),
        words=(*AS_USER, "sh", "-c", MARIADB, "mariadbd", "--port=PORT"),
        prepares=("mkdir", "-p", "-m", "777", "data"),
    ),
    packaged("NATS", "nats-server", "-a", "127.0.0.1", "-p", "PORT", package="nats-server"),
    packaged(
        "Mosquitto", "mosquitto", "-c", "mosquitto.conf", package="mosquitto",
        files={"mosquitto.conf": MOSQUITTO}, version=("-h",),
    ),
    packaged("beanstalkd", "beanstalkd", "-l", "127.0.0.1", "-p", "PORT", package="beanstalkd",
        version=("-v",)),
    packaged(
        "tinyproxy", "tinyproxy", "-d", "-c", "tinyproxy.conf", package="tinyproxy",
        files={"tinyproxy.conf": TINYPROXY}, version=("-v",),
    ),
    packaged(
        "stunnel", "stunnel4", "stunnel.conf", package="stunnel4",
        files={"stunnel.conf": STUNNEL}, version=("-version",),
    ),
    packaged(
        "rsync --daemon", "rsync", "--daemon", "--no-detach", "--config=rsync.conf",
        package="rsync", files={"rsync.conf": RSYNC},
    ),
    packaged("iperf3 -s", "iperf3", "-s", "-p", "PORT", package="iperf3"),
    packaged(
        "dnsmasq", "dnsmasq", "-k", "-p", "PORT", "-C", "/dev/null", "--no-resolv",
        "--listen-address=127.0.0.1", "--bind-interfaces", "-u", "root",
        package="dnsmasq-base",
    ),
    replace(
        packaged(
            "sshd", "/usr/sbin/sshd", "-D", "-e", "-f", "sshd.conf", package="openssh-server",
            files={"sshd.conf": SSHD}, version=("-V",),
        ),
        prepares=("sh", "-c", "mkdir -p /run/sshd; test -f key || ssh-keygen -qN '' -f key"),
    ),
    forward("ssh -D", "-D", "127.0.0.1:PORT"),
    forward("ssh -L", "-L", "127.0.0.1:PORT:127.0.0.1:9"),
    page(
        "Sinatra", "ruby", "app.rb", "-p", "PORT", package="ruby-sinatra",
        files={"app.rb": SINATRA},
    ),
    packaged(
        "mini_httpd", "mini_httpd", "-D", "-p", "PORT", "-h", "127.0.0.1",
        package="mini-httpd", version=("-V",),
    ),
    page(
        "webfsd", "webfsd", "-F", "-p", "PORT", "-r", ".", "-f", "index.html",
        package="webfs", files=PAGE, version=("-h",),
    ),
    packaged(
        "Privoxy", "privoxy", "--no-daemon", "privoxy.conf", package="privoxy",
        files={"privoxy.conf": PRIVOXY},
    ),
    packaged(
        "gdbserver", "gdbserver", "127.0.0.1:PORT", "sleep", "600", package="gdbserver",
    ),
    replace(
        packaged("java debugged by JDWP", "java", "Idle.java", package="default-jdk"),
        words=(
            "java", "-agentlib:jdwp=transport=dt_socket,server=y,suspend=n,address=127.0.0.1:PORT",
            "Idle.java",
        ),
        files={
            "Idle.java": "class Idle { public static void main(String[] words) throws Exception "
            "{ Thread.sleep(600000); } }\n",
        },
    ),
    replace(
        packaged("varnishd", "varnishd", package="varnish", version=("-V",)),
        words=("sh", "-c", VARNISH, "varnishd", "-a", "127.0.0.1:PORT"),
    ),
)  # fmt: skip
