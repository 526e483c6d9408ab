"""What web developers start on Node: frameworks, bundlers, static sites, servers of files."""

from __future__ import annotations

from dataclasses import replace

from tests.programs.developing.asking import marked, session_of
from tests.programs.developing.sources import NODE_TOOLS, npm_tool
from tests.programs.program import DEV, Program
from tests.programs.sources import NODE

BIN = NODE_TOOLS / ".bin"
LINKED = ("ln", "-sfn", str(NODE_TOOLS), "node_modules")
"""The project's modules, which its configuration and its framework look for beside it."""

PAGE = {"index.html": "<html><body><p>[[CONTENT]]</p></body></html>\n"}
MANIFEST = {"package.json": '{"private": true, "name": "home", "type": "module"}\n'}
OLD_MANIFEST = {"package.json": '{"private": true, "name": "home"}\n'}
BUNDLED = {
    **OLD_MANIFEST,
    "public/index.html": PAGE["index.html"],
    "src/index.js": "console.log(1)\n",
}

NEST = """
require('reflect-metadata')
const { NestFactory } = require('@nestjs/core')
const { Controller, Get, Module } = require('@nestjs/common')
class Home { get() { return '[[CONTENT]]' } }
Get()(Home.prototype, 'get', Object.getOwnPropertyDescriptor(Home.prototype, 'get'))
Controller()(Home)
class App {}
Module({ controllers: [Home] })(App)
NestFactory.create(App).then(async (app) => {
  await app.listen(+process.argv[2])
  console.log('Nest is on', await app.getUrl())
})
"""

FASTIFY = """
const app = require('fastify')({ logger: true })
app.get('/', async () => '[[CONTENT]]')
app.listen({ port: +process.argv[2] }, (error) => { if (error) throw error })
"""

FASTIFY_CLI = """
module.exports = async (app) => { app.get('/', async () => '[[CONTENT]]') }
"""

KOA = """
const Koa = require('koa')
const app = new Koa.default()
app.use((context) => { context.body = '[[CONTENT]]' })
app.listen(+process.argv[2], () => console.log('Koa listens'))
"""

HAPI = """
const Hapi = require('@hapi/hapi')
const server = Hapi.server({ port: +process.argv[2], host: '127.0.0.1' })
server.route({ method: 'GET', path: '/', handler: () => '[[CONTENT]]' })
server.start().then(() => console.log('Hapi is on', server.info.uri))
"""

SOCKET_IO = """
const http = require('http').createServer((request, response) => response.end('[[CONTENT]]'))
new (require('socket.io').Server)(http)
http.listen(+process.argv[2], () => console.log('listening on', http.address().port))
"""

TYPED = """
import http from 'node:http'
const server = http.createServer((request, response) => response.end('[[CONTENT]]'))
server.listen(Number(process.argv[2]), (): void => console.log('up', server.address()))
"""

HTTP = """
const server = require('http').createServer((request, response) => response.end('[[CONTENT]]'))
server.listen(+process.argv[2], () => console.log('listening on', server.address().port))
"""

WEBPACK = """
module.exports = { mode: 'development', entry: './src/index.js',
  devServer: { static: './public' } }
"""

WORKER = "export default { fetch() { return new Response('[[CONTENT]]') } }\n"
WRANGLER = 'name = "home"\nmain = "worker.js"\ncompatibility_date = "2025-06-01"\n'

ASTRO = {**MANIFEST, "src/pages/index.astro": "---\n---\n<p>[[CONTENT]]</p>\n"}
OPENAPI = """
openapi: 3.0.0
info: {title: home, version: '1'}
paths:
  /:
    get:
      responses:
        '200':
          description: home
          content:
            text/plain:
              schema: {type: string}
              example: '[[CONTENT]]'
"""


def tool(name: str, *words: str, files: dict[str, str], package: str, path: str = "/") -> Program:
    """Describe a program from npm, run by its command."""
    return Program(
        name=name,
        words=(BIN / words[0], *words[1:]),
        files=files,
        prepares=LINKED,
        ports=DEV,
        ask=marked(path),
        source=npm_tool(package),
    )


def script(name: str, text: str, *, package: str) -> Program:
    """Describe a program that its own script starts."""
    known = tool(name, "node", files={"server.js": text}, package=package)
    return replace(known, words=("node", "server.js", "PORT"))


def opening(program: Program, *words: str) -> Program:
    """Let a program open a browser, for which some need words more."""
    return replace(program, words=(*program.words, *words), opens=True)


def quiet(program: Program, *variables: str) -> Program:
    """Set variables that keep a program from asking and from reporting to its maker."""
    return replace(program, words=("env", *variables, *program.words))


NODE_SERVED = (
    script("NestJS", NEST, package="@nestjs/core"),
    script("Fastify", FASTIFY, package="fastify"),
    script("Koa", KOA, package="koa"),
    script("hapi", HAPI, package="@hapi/hapi"),
    script("socket.io", SOCKET_IO, package="socket.io"),
    replace(
        tool("tsx watch", "tsx", "watch", "server.ts", "PORT",
             files={**MANIFEST, "server.ts": TYPED}, package="tsx"),
    ),
    replace(script("node --watch", HTTP, package="koa"), source=NODE,
            words=("node", "--watch", "server.js", "PORT")),
    replace(
        script("node --inspect", "setInterval(() => {}, 1000)\n", package="koa"),
        words=("node", "--inspect=PORT", "server.js"), ask=session_of, source=NODE,
    ),
    tool("json-server", "json-server", "-p", "PORT", "db.json", package="json-server",
         files={"db.json": '{"marks": [{"id": 1, "text": "[[CONTENT]]"}]}\n'}, path="/marks"),
    opening(tool("live-server", "live-server", "--port=PORT", files=PAGE, package="live-server")),
    opening(tool("browser-sync", "browser-sync", "start", "--server", "--no-ui", "--port", "PORT",
                 files=PAGE, package="browser-sync")),
    tool("serve", "serve", "-l", "PORT", files=PAGE, package="serve"),
    tool("lite-server", "lite-server", files={**PAGE, "bs-config.json": '{"port": PORT, '
         '"open": false, "ui": false, "server": {"baseDir": "."}}\n'}, package="lite-server"),
    tool("web-dev-server", "wds", "--port", "PORT", "--root-dir", ".", files=PAGE,
         package="@web/dev-server", path="/index.html"),
    tool("local-web-server", "ws", "--port", "PORT", files=PAGE, package="local-web-server"),
    tool("Prism mock", "prism", "mock", "-p", "PORT", "api.yaml", files={"api.yaml": OPENAPI},
         package="@stoplight/prism-cli"),
    tool("Parcel", "parcel", "serve", "index.html", "-p", "PORT", files={**OLD_MANIFEST, **PAGE},
         package="parcel"),
    opening(tool("webpack serve --port", "webpack", "serve", "--port", "PORT",
         files={**BUNDLED, "webpack.config.cjs": WEBPACK}, package="webpack-dev-server"), "--open"),
    tool("Rspack", "rspack", "serve", "--port", "PORT",
         files={**BUNDLED, "rspack.config.cjs": WEBPACK}, package="@rspack/cli"),
    opening(tool("Rsbuild", "rsbuild", "dev", "--port", "PORT",
         files={**BUNDLED, "public/mark.txt": "[[CONTENT]]\n"}, package="@rsbuild/core",
         path="/mark.txt"), "--open"),
    tool("Eleventy", "eleventy", "--serve", "--port=PORT",
         files={**MANIFEST, "index.html": PAGE["index.html"]}, package="@11ty/eleventy"),
    tool("VitePress", "vitepress", "dev", "--port", "PORT",
         files={**MANIFEST, "index.md": "# Home\n", "public/mark.txt": "[[CONTENT]]\n"},
         package="vitepress", path="/mark.txt"),
    quiet(opening(tool("Astro", "astro", "dev", "--port", "PORT", files=ASTRO, package="astro"),
                  "--open"),
          "ASTRO_TELEMETRY_DISABLED=1"),
    quiet(tool("wrangler dev", "wrangler", "dev", "--port", "PORT", "--ip", "127.0.0.1",
               files={"worker.js": WORKER, "wrangler.toml": WRANGLER}, package="wrangler"),
          "WRANGLER_SEND_METRICS=false", "CI=1"),
)  # fmt: skip
