"""Servers in Python: the standard library's, and those that frameworks bring."""

from __future__ import annotations

import signal
import sys
from dataclasses import replace

from tests.programs.program import Program
from tests.programs.sources import module

PYTHON = sys.executable

ASYNCIO = """
import asyncio, sys

async def answer(reader, writer):
    await reader.readuntil(b"\\r\\n\\r\\n")
    writer.write(b"HTTP/1.0 200 OK\\r\\n\\r\\nCONTENT")
    await writer.drain()
    writer.close()

async def main():
    server = await asyncio.start_server(answer, None, int(sys.argv[1]))
    print("serving on", *(each.getsockname()[1] for each in server.sockets), flush=True)
    await server.serve_forever()

asyncio.run(main())
"""

SHARING = """
import os, signal, socket, sys

def serve(worker):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    server = socket.socket()
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    server.bind(("127.0.0.1", int(sys.argv[1])))
    server.listen()
    os.write(1, b"worker on %d\\n" % server.getsockname()[1])
    body = b"CONTENT by %d" % worker
    while True:
        link, _ = server.accept()
        with link:
            link.recv(4096)
            link.sendall(b"HTTP/1.0 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % len(body) + body)

def stop(*_):
    for worker in workers:
        os.kill(worker, signal.SIGTERM)
    sys.exit()

signal.signal(signal.SIGTERM, stop)
workers = [os.fork() or serve(worker) for worker in range(3)]
os.wait()
"""

ASGI = """
import os

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"CONTENT by %d" % os.getpid()})
"""

WSGI = """
import os

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"CONTENT by %d" % os.getpid()]
"""

PAGE = {"index.html": "CONTENT\n"}
REQUEST_TIME = r"\[\d\d/\w+/\d{4}[ :][\d:]+(?: [+-]\d+)?\]"
CLOCK = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}"
PID = r"(?<=\[)\d+(?=\])|(?<=pid: )\d+|(?<=\()\d+(?=\))"
ACCESS = r'(?:INFO: +127\.0\.0\.1:\d+ - "GET / HTTP/1\.1" 200 OK\n)+'
UVICORN = (r"(?<=process \[)\d+", ACCESS)

SOCKETSERVER = """
import http.server, socketserver, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"CONTENT")

    def log_message(self, *words):
        pass

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

with Server(("127.0.0.1", int(sys.argv[1])), Handler) as server:
    print("serving on", server.server_address[1], flush=True)
    server.serve_forever()
"""

FLASK = """
from flask import Flask

app = Flask(__name__)

@app.get("/")
def home():
    return "CONTENT"
"""

DJANGO = """
import django
from django.conf import settings
from django.core.management import execute_from_command_line
from django.http import HttpResponse
from django.urls import path
import sys

settings.configure(
    DEBUG=True, SECRET_KEY="not one", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True
)
urlpatterns = [path("", lambda request: HttpResponse("CONTENT"))]

if __name__ == "__main__":
    execute_from_command_line(sys.argv)
"""

AIOHTTP = """
from aiohttp import web

async def home(request):
    return web.Response(text="CONTENT")

def main(argv):
    app = web.Application()
    app.add_routes([web.get("/", home)])
    return app
"""

WERKZEUG = (
    r"\d+\.\d+\.\d+\.\d+ - - \[.*\] .*\n",
    r"Debugger PIN: .*",
)
# It may be ended before it has told of a page that it served.
DJANGO_VARIES = (REQUEST_TIME + r' "GET .*\n', r"\w+ \d+, \d{4} - [\d:]+")

BY_UVICORN = Program(
    name="uvicorn",
    words=(PYTHON, "-m", "uvicorn", "app:app", "--port", "PORT"),
    files={"app.py": ASGI},
    varies=UVICORN,
    source=module("uvicorn"),
)
RELOADED_BY_UVICORN = replace(
    BY_UVICORN,
    name="uvicorn --reload",
    words=(*BY_UVICORN.words, "--reload"),
    says=r".* http://127\.0\.0\.1:PORT .*",
    stream="stderr",
)
BY_GUNICORN = Program(
    name="gunicorn -w 2",
    words=(PYTHON, "-m", "gunicorn", "-w", "2", "-b", "127.0.0.1:PORT", "app:app"),
    files={"app.py": WSGI, "gunicorn.conf.py": "control_socket_disable = True\n"},
    workers=2,
    says=r".* Listening at: http://127\.0\.0\.1:PORT .*",
    stream="stderr",
    varies=(CLOCK, PID),
    source=module("gunicorn"),
)
BY_FLASK = Program(
    name="Flask",
    words=(PYTHON, "-m", "flask", "run", "--port", "PORT"),
    files={"app.py": FLASK},
    varies=WERKZEUG,
    source=module("flask"),
    is_slow=True,
)
BY_DJANGO = Program(
    name="Django runserver",
    words=(PYTHON, "-u", "manage.py", "runserver", "PORT"),
    files={"manage.py": DJANGO},
    varies=DJANGO_VARIES,
    source=module("django", get="make compat"),
    is_slow=True,
)

PYTHON_SERVERS = (
    Program(
        name="http.server",
        words=(PYTHON, "-m", "http.server", "PORT"),
        files=PAGE,
        says=r"Serving HTTP on 0\.0\.0\.0 port PORT \(http://0\.0\.0\.0:PORT/\) \.\.\.",
        ends_by=signal.SIGINT,
        varies=(REQUEST_TIME,),
    ),
    Program(
        name="asyncio on both families",
        words=(PYTHON, "serve.py", "PORT"),
        files={"serve.py": ASYNCIO},
        addresses=("127.0.0.1", "::1"),
        says="serving on PORT PORT",
    ),
    Program(
        name="workers with SO_REUSEPORT",
        words=(PYTHON, "serve.py", "PORT"),
        files={"serve.py": SHARING},
        workers=3,
        says="worker on PORT",
    ),
    BY_UVICORN,
    RELOADED_BY_UVICORN,
    replace(
        RELOADED_BY_UVICORN,
        name="uvicorn --workers 2",
        words=(*BY_UVICORN.words, "--workers", "2"),
        workers=2,
    ),
    BY_GUNICORN,
    replace(
        BY_GUNICORN,
        name="gunicorn -w 2 --reuse-port",
        words=(*BY_GUNICORN.words, "--reuse-port"),
        says="",
    ),
    Program(
        name="socketserver",
        words=(PYTHON, "serve.py", "PORT"),
        files={"serve.py": SOCKETSERVER},
        says="serving on PORT",
    ),
    Program(
        name="http.server, environment cleared",
        words=("env", "-i", PYTHON, "-u", "-m", "http.server", "PORT"),
        files=PAGE,
        says=r"Serving HTTP on 0\.0\.0\.0 port PORT .*",
        varies=(REQUEST_TIME,),
        backend="seccomp",
    ),
    BY_FLASK,
    replace(
        BY_FLASK,
        name="Flask with its reloader",
        words=(PYTHON, "-m", "flask", "run", "--debug", "--port", "PORT"),
        is_slow=False,
    ),
    replace(
        BY_DJANGO,
        name="Django runserver --noreload",
        words=(PYTHON, "-u", "manage.py", "runserver", "--noreload", "PORT"),
    ),
    BY_DJANGO,
    Program(
        name="aiohttp",
        words=(PYTHON, "-m", "aiohttp.web", "-H", "127.0.0.1", "-P", "PORT", "app:main"),
        files={"app.py": AIOHTTP},
        varies=(REQUEST_TIME,),
        source=module("aiohttp", get="make compat"),
        is_slow=True,
    ),
)
