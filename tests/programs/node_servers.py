"""Servers in JavaScript: Node's own, what runs on Node, Deno and Bun."""

from __future__ import annotations

import signal
from dataclasses import replace

from tests.programs.program import DEV, Program
from tests.programs.sources import NODE, NODE_MODULES, npm

VITE = NODE_MODULES / "vite" / "bin" / "vite.js"
ESBUILD = NODE_MODULES / ".bin" / "esbuild"
HTTP_SERVER = NODE_MODULES / "http-server" / "bin" / "http-server"
NEXT = NODE_MODULES / "next" / "dist" / "bin" / "next"
NODEMON = NODE_MODULES / "nodemon" / "bin" / "nodemon.js"
DENO = NODE_MODULES / ".bin" / "deno"
BUN = NODE_MODULES / ".bin" / "bun"

HTTP = """
const server = require('http').createServer((request, response) => response.end('CONTENT'))
server.listen(+process.argv[2], () => console.log('listening on', server.address().port))
"""

CLUSTER = """
const cluster = require('cluster')
const http = require('http')
if (process.argv[3] === 'shared') cluster.schedulingPolicy = cluster.SCHED_NONE
if (cluster.isPrimary) {
  for (let i = 0; i < 2; i++) cluster.fork()
  cluster.on('exit', (worker, code, signal) => console.log('worker ended', code, signal))
  process.on('SIGTERM', () => process.exit(0))
} else {
  const body = 'CONTENT by ' + cluster.worker.id
  http.createServer((request, response) => response.end(body)).listen(+process.argv[2])
}
"""

NET = """
const server = require('net').createServer((link) => {
  link.on('error', () => {})
  link.once('data', () => link.end('HTTP/1.0 200 OK\\r\\n\\r\\nCONTENT'))
})
const say = () => console.log('listening on', server.address().port)
server.listen(+process.argv[2], '127.0.0.1', say)
"""

THREADS = """
const { Worker, isMainThread, workerData } = require('worker_threads')
if (isMainThread) {
  new Worker(__filename, { workerData: +process.argv[2] })
} else {
  const server = require('http').createServer((request, response) => response.end('CONTENT'))
  server.listen(workerData, () => console.log('thread listens on', server.address().port))
}
"""

EXPRESS = f"""
const app = require('{NODE_MODULES / "express"}')()
app.get('/', (request, response) => response.send('CONTENT'))
const server = app.listen(process.argv[2], () => console.log('up on', server.address().port))
"""

SCRIPT = '{"private": true, "scripts": {"dev": "node server.js"}}'

DENO_SERVE = """
Deno.serve({ port: +Deno.args[0], hostname: '127.0.0.1' }, () => new Response('CONTENT'))
"""

BUN_SERVE = """
const server = Bun.serve({ port: +process.argv[2], fetch: () => new Response('CONTENT') })
console.log('Bun is on', server.port)
"""

ESBUILD_OPTIONS = ("app.js", "--outdir=out", "--servedir=.", "--watch=forever")
"""It serves files only as long as somebody could type, but where it watches for ever."""

NEXT_FILES = {
    "app/route.js": "export const GET = () => new Response('CONTENT')\n",
    "next.config.mjs": "export default { turbopack: { root: '/' } }\n",
    "package.json": '{"private": true}\n',
}
"""Its modules are linked, and it follows no link that leads out of its root."""
NEXT_VARIES = (
    r"\d+(?:\.\d+)?(?:ms|s|min)\b",
    r"(?<=Network: ) +http://[\d.]+",
    # It says more where it is slow, and may be ended before it has told of a page that it served.
    r".*(?:GET /|Compiling|Slow filesystem) .*\n(?:See more: .*\n)?",
)

PAGE = {"index.html": "CONTENT\n"}
# Vite looks for dependencies after it has said that it is ready, and complains where it is ended
# meanwhile.
VITE_PAGE = {
    **PAGE,
    "vite.config.mjs": "export default { optimizeDeps: { noDiscovery: true } }\n",
}

ON_NODE = Program(
    name="node http",
    words=("node", "server.js", "PORT"),
    files={"server.js": HTTP},
    ports=DEV,
    addresses=("127.0.0.1", "::1"),
    says="listening on PORT",
    source=NODE,
)
IN_A_CLUSTER = replace(
    ON_NODE,
    name="node cluster",
    words=("node", "cluster.js", "PORT"),
    files={"cluster.js": CLUSTER},
    workers=2,
    says="",
)
BY_VITE = Program(
    name="vite",
    words=("node", VITE, "--host", "127.0.0.1", "--port", "PORT"),
    files=VITE_PAGE,
    ports=DEV,
    says=r".* http://127\.0\.0\.1:PORT/",
    varies=(r"ready in \d+ ms",),
    takes="vite",
    source=npm("vite", get="make programs"),
)

NODE_SERVERS = (
    ON_NODE,
    IN_A_CLUSTER,
    replace(
        IN_A_CLUSTER,
        name="node cluster, shared handles",
        words=("node", "cluster.js", "PORT", "shared"),
    ),
    BY_VITE,
    replace(
        BY_VITE,
        name="vite --strictPort",
        words=("node", VITE, "--host", "::1", "--port", "PORT", "--strictPort"),
        addresses=("::1",),
        says=r".* http://\[::1\]:PORT/",
        takes="",
    ),
    replace(ON_NODE, name="node net", files={"server.js": NET}, addresses=("127.0.0.1",)),
    replace(
        ON_NODE,
        name="node worker threads",
        files={"server.js": THREADS},
        says="thread listens on PORT",
    ),
    replace(
        ON_NODE,
        name="npm run",
        words=("npm", "run", "dev", "--", "PORT"),
        files={"package.json": SCRIPT, "server.js": HTTP},
        ends_by=signal.SIGINT,
        ends_tree=True,
        is_slow=True,
    ),
    replace(
        ON_NODE,
        name="Express",
        files={"server.js": EXPRESS},
        says="up on PORT",
        source=npm("express", get="make programs"),
    ),
    Program(
        name="next dev",
        words=("env", "NEXT_TELEMETRY_DISABLED=1", "node", NEXT, "dev", "-p", "PORT"),
        files=NEXT_FILES,
        prepares=("ln", "-sfn", str(NODE_MODULES), "node_modules"),
        ports=DEV,
        addresses=("127.0.0.1", "::1"),
        says=r"- Local: +http://localhost:PORT",
        varies=NEXT_VARIES,
        source=npm("next"),
        is_slow=True,
    ),
    Program(
        name="http-server of npm",
        words=("node", HTTP_SERVER, "-a", "127.0.0.1", "-p", "PORT"),
        files=PAGE,
        varies=(r"(?<=\(node:)\d+", r"\d{4}-\d\d-\d\dT[\d:.]+Z"),
        source=npm("http-server"),
        is_slow=True,
    ),
    replace(
        ON_NODE,
        name="nodemon",
        words=("node", NODEMON, "server.js", "PORT"),
        source=npm("nodemon"),
        is_slow=True,
    ),
    Program(
        name="esbuild --serve",
        words=(ESBUILD, *ESBUILD_OPTIONS, "--serve=127.0.0.1:PORT"),
        files={**PAGE, "app.js": ""},
        says=r".*http://127\.0\.0\.1:PORT/",
        stream="stderr",
        # It may be ended before it has told of a page that it served.
        varies=(r'127\.0\.0\.1:\d+ - "GET .*\n',),
        source=npm("esbuild"),
        backend="seccomp",
        is_slow=True,
    ),
    Program(
        name="Deno",
        words=(DENO, "run", "--allow-net", "server.js", "PORT"),
        files={"server.js": DENO_SERVE},
        says=r"Listening on http://127\.0\.0\.1:PORT/",
        stream="stderr",
        source=npm("deno"),
        is_slow=True,
    ),
    Program(
        name="Bun",
        words=(BUN, "server.js", "PORT"),
        files={"server.js": BUN_SERVE},
        ports=DEV,
        says="Bun is on PORT",
        source=npm("bun"),
        is_slow=True,
    ),
)
