"""How fast the page is with 10,000 leases and 2,000 listeners: `python -m bench.drawing`.

In headless Chromium, by Playwright from npm (`make programs`). "Drawn" is the end of the frame in
which it can be seen. A first look begins with the navigation and has everything in it: the page's
files, the daemon's answer, the list. A change begins before the daemon is asked to make it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.growth import CROWD, LISTENERS, RANGE, fill, listeners
from bench.http_client import HttpClient
from bench.installation import CannotMeasure, Installation, running_installation
from bench.rows import Row, ratio, row
from bench.table import markdown

NODE_MODULES = Path(__file__).parent.parent / ".cache" / "programs" / "node_modules"
CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
ROUNDS = 15
TARGET = 0.1

DRAWN = """
  const marks = (window.marks = {})
  window.painted = () => performance.getEntriesByName('first-contentful-paint')[0]
  const drawn = () => new Promise((done) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel()
    port1.onmessage = () => done(performance.now())
    port2.postMessage(0)
  }))
  new MutationObserver(async (_, observer) => {
    if (!document.querySelector('.row.port')) return
    observer.disconnect()
    marks.rows = await drawn()
  }).observe(document, { childList: true, subtree: true })
  window.nextDrawn = (selector) => new Promise((done) => {
    const element = document.querySelector(selector)
    new MutationObserver(async (_, observer) => {
      observer.disconnect()
      done(performance.timeOrigin + await drawn())
    }).observe(element, { childList: true, characterData: true, subtree: true })
  })
"""

MEASURING = """
import { chromium } from 'playwright-core'
import http from 'node:http'

const [url, origin, socketPath, rounds] = process.argv.slice(2)
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-sync']
const browser = await chromium.launch({ executablePath: CHROMIUM, args, timeout: 0 })
const page = await browser.newPage({ viewport: { width: 1366, height: 800 } })
page.setDefaultTimeout(60_000)
await page.addInitScript(DRAWN)

function ask(method, path, body) {
  return new Promise((done, fail) => {
    const question = { socketPath, method, path, headers: { host: 'localhost' } }
    const request = http.request(question, (answer) => {
      let text = ''
      answer.on('data', (piece) => { text += piece }).on('end', () => done(JSON.parse(text)))
    })
    request.on('error', fail)
    request.end(body && JSON.stringify(body))
  })
}

const times = { text: [], paint: [], rows: [], change: [], search: [] }
// What the page before still asks for would be answered first.
const complete = () => /[0-9]/.test(document.querySelector('#tab-reserved .count')?.textContent)
await page.goto(url)
await page.waitForFunction(complete)
for (let round = 0; round < Number(rounds); round++) {
  await page.goto(`${origin}status`)
  await page.waitForFunction(() => painted())
  times.text.push(await page.evaluate(() => painted().startTime))
  await page.goto(origin)
  await page.waitForFunction(() => window.marks.rows)
  times.rows.push(await page.evaluate(() => window.marks.rows))
  await page.waitForFunction(complete)
  times.paint.push(await page.evaluate(() => painted().startTime))
}
await page.waitForFunction(() => document.querySelector('.state.live'))
for (let round = 0; round < Number(rounds); round++) {
  const seen = page.evaluate(() => window.nextDrawn('#tab-reserved .count'))
  await page.evaluate(() => 0) // the observer is there
  const began = Date.now()
  const lease = await ask('POST', '/allocate', { service_type: 'build' })
  times.change.push(await seen - began)
  const gone = page.evaluate(() => window.nextDrawn('#tab-reserved .count'))
  await ask('DELETE', `/allocate/${lease.lock_id}`)
  await gone
}
const one = await page.locator('.row.port .number').nth(1).textContent()
for (let round = 0; round < Number(rounds); round++) {
  times.search.push(await page.evaluate(async (text) => {
    const field = document.querySelector('input[type=search]')
    const seen = window.nextDrawn('.rows')
    const began = performance.timeOrigin + performance.now()
    field.value = text
    field.dispatchEvent(new Event('input', { bubbles: true }))
    return await seen - began
  }, round % 2 ? '' : one))
}
console.log(JSON.stringify(times))
await browser.close()
"""

NAMES = {
    "text": "first paint of the daemon's /status, a line of text",
    "paint": "first paint of the page",
    "rows": "first look: the list is drawn",
    "change": "a lease is granted and drawn",
    "search": "a search is drawn",
}


def measure(place: Path) -> Iterator[Row]:
    """Fill an installation, and look at it."""
    if not (NODE_MODULES / "playwright-core").exists():
        raise CannotMeasure("Playwright is not there; say: make programs")
    home = place / "drawing"
    home.mkdir(mode=0o700)
    config = {"service_types": {"crowd": {"range": list(RANGE)}}}
    (home / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with running_installation(home) as installation:
        fill(installation, CROWD)
        with listeners(LISTENERS):
            times = drawn(installation, place)
    for name, what in NAMES.items():
        target = None if name == "text" else TARGET  # the browser's own part of every first paint
        yield row(what, [each / 1000 for each in times[name]], target=target)
    yield ratio("first paint of the page / of a line of text", times["paint"], times["text"])


def drawn(installation: Installation, place: Path) -> dict[str, list[float]]:
    """Let a browser look; return the milliseconds of each thing."""
    script = place / "drawing.mjs"
    values = f"const CHROMIUM = {json.dumps(CHROMIUM)}\nconst DRAWN = {json.dumps(DRAWN)}\n"
    script.write_text(values + MEASURING, encoding="utf-8")
    (place / "node_modules").symlink_to(NODE_MODULES)
    url = HttpClient(installation, unix=True, keep=False).ask("POST", "/page/code")["url"]
    assert isinstance(url, str)
    origin = url.partition("#")[0]
    done = subprocess.run(
        ["node", str(script), url, origin, installation.socket, str(ROUNDS)],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode:
        raise CannotMeasure(f"the browser did not look: {done.stderr[-500:]}")
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="styxy-drawing-") as folder:
        print(markdown(list(measure(Path(folder)))))
