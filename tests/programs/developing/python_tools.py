"""What is written in Python and starts a server: applications, notebooks, documents, debuggers.

They live in an environment of their own, so that none decides which version of a library Styxy
runs with here.
"""

from __future__ import annotations

from dataclasses import replace

from tests.programs.developing.asking import marked, session_of, session_serving
from tests.programs.developing.sources import PYTHON, python_tool
from tests.programs.program import Program

PAGE = {"index.html": "<p>[[CONTENT]]</p>\n"}

ASGI = """
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"[[CONTENT]]"})
"""

WSGI = """
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"[[CONTENT]]"]
"""

FASTAPI = """
from fastapi import FastAPI

app = FastAPI()

@app.get("/")
def home():
    return "[[CONTENT]]"
"""

TORNADO = """
import asyncio, sys, tornado.web

class Home(tornado.web.RequestHandler):
    def get(self):
        self.write("[[CONTENT]]")

async def main():
    tornado.web.Application([("/", Home)]).listen(int(sys.argv[1]))
    await asyncio.Event().wait()

asyncio.run(main())
"""

BOTTLE = """
import bottle

@bottle.route("/")
def home():
    return "[[CONTENT]]"

app = bottle.default_app()
"""

SANIC = """
from sanic import Sanic
from sanic.response import text

app = Sanic("home")

@app.get("/")
async def home(request):
    return text("[[CONTENT]]")
"""

QUART = """
from quart import Quart

app = Quart(__name__)

@app.get("/")
async def home():
    return "[[CONTENT]]"
"""

LITESTAR = """
from litestar import Litestar, get

@get("/")
async def home() -> str:
    return "[[CONTENT]]"

app = Litestar([home])
"""

DASH = """
import sys
from dash import Dash, html

app = Dash("home", title="[[CONTENT]]")
app.layout = html.Div("home")
app.run(port=int(sys.argv[1]), debug=len(sys.argv) > 2)
"""

NICEGUI = """
import sys
from nicegui import ui

@ui.page("/")
def home():
    ui.label("[[CONTENT]]")

ui.run(port=int(sys.argv[1]), reload=False, show=False)
"""

GRADIO = """
import gradio, sys

with gradio.Blocks(title="[[CONTENT]]") as page:
    gradio.Textbox()
page.launch(server_port=int(sys.argv[1]) if len(sys.argv) > 1 else None)
"""

CHERRYPY = """
import cherrypy, sys

class Home:
    @cherrypy.expose
    def index(self):
        return "[[CONTENT]]"

cherrypy.quickstart(Home(), "/", {"global": {"server.socket_port": int(sys.argv[1])}})
"""

WEBSOCKETS = """
import asyncio, http, sys
from websockets.asyncio.server import serve

def page(connection, request):
    return connection.respond(http.HTTPStatus.OK, "[[CONTENT]]")

async def main():
    async with serve(None, "127.0.0.1", int(sys.argv[1]), process_request=page) as server:
        await server.serve_forever()

asyncio.run(main())
"""

LIVERELOAD = """
import sys
from livereload import Server

Server().serve(port=int(sys.argv[1]), root=".")
"""

TWISTED = ("web", "--listen", "tcp:PORT", "--path", ".")
STREAMLIT = {
    "app.py": 'import streamlit\nstreamlit.write("home")\n',
    "static/mark.txt": "[[CONTENT]]\n",
}
STREAMLIT_OPTIONS = (
    "--server.headless=false",
    "--server.showEmailPrompt=false",
    "--server.enableStaticServing=true",
    "--browser.gatherUsageStats=false",
)
MKDOCS = {
    "mkdocs.yml": "site_name: home\ntheme: mkdocs\n",
    "docs/index.md": "# Home\n\n[[CONTENT]]\n",
}
SPHINX = {"conf.py": "project = 'home'\n", "index.rst": "Home\n====\n\n[[CONTENT]]\n"}
JUPYTER = ("--allow-root", "--ServerApp.token=", "--ServerApp.password=")
DEBUGPY = """
import debugpy, signal, sys

debugpy.listen(int(sys.argv[1]), in_process_debug_adapter=True)
print("begun", flush=True)
signal.pause()
"""


def script(name: str, text: str, *words: str, package: str = "") -> Program:
    """Describe a program that its own script starts."""
    return Program(
        name=name,
        words=(PYTHON, "app.py", "PORT", *words),
        files={"app.py": text},
        ask=marked(),
        source=python_tool(package or name.lower()),
    )


def tool(name: str, *words: str, files: dict[str, str], package: str = "") -> Program:
    """Describe a program that is run as a module."""
    return Program(
        name=name,
        words=(PYTHON, "-m", *words),
        files=files,
        ask=marked(),
        source=python_tool(package or words[0]),
    )


LAB = replace(
    tool("JupyterLab", "jupyterlab", *JUPYTER, "--port", "PORT", files={}),
    ask=session_serving("/api"),
    opens=True,
)
BY_STREAMLIT = replace(
    tool(
        "Streamlit --server.port", "streamlit", "run", "app.py", *STREAMLIT_OPTIONS,
        "--server.port", "PORT", files=STREAMLIT,
    ),
    ask=marked("/app/static/mark.txt"),
    opens=True,
)  # fmt: skip

PYTHON_TOOLS = (
    tool("fastapi dev", "fastapi", "dev", "app.py", "--port", "PORT", files={"app.py": FASTAPI}),
    tool("fastapi run", "fastapi", "run", "app.py", "--port", "PORT", files={"app.py": FASTAPI}),
    tool("hypercorn", "hypercorn", "app:app", "-b", "127.0.0.1:PORT", files={"app.py": ASGI}),
    tool(
        "granian", "granian", "--interface", "asgi", "--port", "PORT", "app:app",
        files={"app.py": ASGI},
    ),
    tool("daphne", "daphne", "-p", "PORT", "app:app", files={"app.py": ASGI}),
    tool("waitress", "waitress", "--port=PORT", "app:app", files={"app.py": WSGI}),
    tool("bottle", "bottle", "-b", "127.0.0.1:PORT", "app", files={"app.py": BOTTLE}),
    tool("Sanic", "sanic", "app:app", "-p", "PORT", files={"app.py": SANIC}),
    tool("Quart", "quart", "-A", "app", "run", "-p", "PORT", files={"app.py": QUART}),
    tool("Litestar", "litestar", "run", "--port", "PORT", files={"app.py": LITESTAR}),
    tool("Twisted web", "twisted", *TWISTED, files=PAGE),
    tool("Pelican", "pelican", "-l", "-o", ".", "-p", "PORT", ".", files=PAGE),
    replace(
        tool("MkDocs", "mkdocs", "serve", "-o", "-a", "127.0.0.1:PORT", files=MKDOCS),
        opens=True,
    ),
    replace(
        tool(
            "sphinx-autobuild", "sphinx_autobuild", "--open-browser", "--port", "PORT",
            ".", "_build", files=SPHINX, package="sphinx-autobuild",
        ),
        opens=True,
    ),
    script("Tornado", TORNADO),
    script("Dash", DASH),
    replace(
        script("NiceGUI", NICEGUI),
        # It takes a program that pytest starts for a test of its own.
        words=("env", "-u", "PYTEST_CURRENT_TEST", PYTHON, "app.py", "PORT"),
    ),
    script("Gradio, a port given", GRADIO, package="gradio"),
    script("CherryPy", CHERRYPY),
    script("websockets", WEBSOCKETS),
    replace(
        script("livereload", LIVERELOAD),
        files={**PAGE, "app.py": LIVERELOAD},
    ),
    LAB,
    replace(
        LAB, name="jupyter server", opens=False,
        words=(PYTHON, "-m", "jupyter_server", *LAB.words[3:]),
    ),
    BY_STREAMLIT,
    replace(
        tool("Datasette", "datasette", "--port", "PORT", files=PAGE),
        ask=session_of,
    ),
    replace(
        tool("Bokeh", "bokeh", "serve", "--port", "PORT", files=PAGE),
        ask=session_of,
    ),
    replace(
        tool(
            "marimo", "marimo", "edit", "--headless", "--no-token", "--skip-update-check",
            "-p", "PORT", files=PAGE,
        ),
        ask=session_of,
    ),
    replace(
        tool(
            "Locust", "locust", "-f", "app.py", "--web-port", "PORT",
            files={"app.py": "from locust import User\nclass Some(User):\n    pass\n"},
        ),
        ask=session_of,
    ),
    replace(script("debugpy", DEBUGPY), ask=session_of),
)  # fmt: skip
