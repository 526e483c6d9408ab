"""The daemon's page in a real browser: what a stranger finds, what happens live, and what is tried
against the sign-in.
"""

from __future__ import annotations

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from styxy.server.reports.overview import SLICE
from tests.daemon import Daemon
from tests.fakes import free_port
from tests.programs.page_visit import SERVER, serving, visit, worktrees

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.usefixtures("playwright")]

CHAIN_END = 0x20000000
"""The bit of a visit in Chromium's history that is not a redirect (page_transition_types.h)."""

WIDE = {"width": 1366, "height": 800}
NARROW = {"width": 390, "height": 800}


def test_a_stranger_sees_which_worktree_serves_what(daemon: Daemon, tmp_path: Path) -> None:
    shop, login = worktrees(tmp_path)
    with serving(shop) as (_, [first]), serving(login) as (_, [second]):
        lines = visit(
            daemon,
            tmp_path,
            """
            await open()
            await page.fill('input[type=search]', `${VALUES.name} shop`)
            await row(VALUES.second).waitFor()
            const texts = await page.locator('.row').evaluateAll((rows) => rows.map((each) =>
              (each.querySelector('.heading h2, .number') || each).innerText
              + (each.querySelector('.branch')?.innerText ?? '')))
            await tell(texts)
            """,
            name=tmp_path.name,
            second=second,
        )
    assert lines == [
        "shop" + "main",
        str(first),
        "shop \u203a shop-login" + "fix/login",
        str(second),
    ]


def test_the_code_is_neither_in_the_address_nor_in_the_history(
    daemon: Daemon, tmp_path: Path
) -> None:
    address, before, code, again, profile = visit(
        daemon,
        tmp_path,
        """
        await open()
        const address = page.url()
        const code = new URL(VALUES.url).hash.slice('#code='.length)
        await page.goBack()
        const before = page.url()
        await context.close()
        const answer = await fetch(`${VALUES.origin}/page/session`, {
          method: 'POST', body: JSON.stringify({ code }),
        })
        const seen = [address, before, code, answer.status, VALUES.profile]
        console.log(JSON.stringify({ seen, problems }))
        """,
    )
    assert address == f"http://localhost:{daemon.port}/"
    assert before == "about:blank"
    assert again == 403
    assert [url for url in shown_in_history(Path(profile)) if code in url] == []
    assert address in shown_in_history(Path(profile))


def shown_in_history(profile: Path) -> list[str]:
    """List what Chromium shows as its history: the ends of chains of redirects."""
    with closing(sqlite3.connect(profile / "Default" / "History")) as history:
        query = "SELECT urls.url FROM urls JOIN visits ON visits.url = urls.id WHERE transition & ?"
        return [url for (url,) in history.execute(query, (CHAIN_END,))]


def test_what_comes_and_goes_is_seen_without_asking(daemon: Daemon, tmp_path: Path) -> None:
    port = free_port()
    questions = visit(
        daemon,
        tmp_path,
        """
        await open()
        await page.waitForFunction(
          () => !document.querySelector('#tab-reserved').innerText.includes('…'))
        const questions = []
        page.on('request', (request) => questions.push(new URL(request.url()).pathname))
        const server = spawn(VALUES.python, ['-IS', '-c', VALUES.server, String(VALUES.port)])
        await row(VALUES.port).waitFor()
        server.kill('SIGKILL')
        await row(VALUES.port).waitFor({ state: 'detached' })
        await tell([...new Set(questions)])
        """,
        python=sys.executable, server=SERVER, port=port,
    )  # fmt: skip
    assert questions == ["/overview"]


def test_a_server_is_stopped_by_keyboard_after_a_question(daemon: Daemon, tmp_path: Path) -> None:
    with serving(tmp_path) as (pid, [port]):
        question, message = visit(
            daemon,
            tmp_path,
            """
            await open()
            await page.keyboard.press('/')
            await page.keyboard.type(String(VALUES.port))
            await page.keyboard.press('ArrowDown')
            await page.keyboard.press('s')
            const question = await page.textContent('dialog h2')
            await page.keyboard.press('Escape')
            await page.waitForSelector('dialog', { state: 'detached' })
            await row(VALUES.port).waitFor()
            await page.keyboard.press('s')
            await page.click('dialog button[type=submit]')
            await page.waitForSelector('.message:not(:empty)')
            const message = await page.textContent('.message')
            await row(VALUES.port).waitFor({ state: 'detached' })
            await tell([question, message])
            """,
            port=port,
        )
    assert question.startswith("Stop ")
    assert f"(pid {pid}) on port {port}" in message


def test_a_lease_is_released_after_a_question(daemon: Daemon, tmp_path: Path) -> None:
    lease = daemon.allocate(service_name="orders", project_path=str(tmp_path))
    visit(
        daemon,
        tmp_path,
        """
        await open()
        await page.click('#tab-reserved')
        await row(VALUES.port).getByRole('button', { name: /Release/ }).click()
        await page.click('dialog button[type=submit]')
        await row(VALUES.port).waitFor({ state: 'detached' })
        await tell(null)
        """,
        port=lease["port"],
    )
    assert daemon.call("GET", f"/check/{lease['port']}").body["available"]


def test_what_a_program_says_of_itself_stays_text(daemon: Daemon, tmp_path: Path) -> None:
    evil = "<img src=x onerror=window.hacked=1><script>window.hacked=1</script>"
    folder = tmp_path / evil.replace("/", "_")
    folder.mkdir()
    with serving(folder, "0", evil) as (_, [port]):
        hacked, text = visit(
            daemon,
            tmp_path,
            """
            await open()
            await page.fill('input[type=search]', String(VALUES.port))
            await row(VALUES.port).getByRole('button', { name: /Details/ }).click()
            const text = await page.textContent('dialog dl')
            await tell([await page.evaluate(() => window.hacked ?? null), text])
            """,
            port=port,
        )
    assert hacked is None
    assert "<img src=x onerror=" in text


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
def test_axe_finds_nothing(
    size: dict[str, int], scheme: str, daemon: Daemon, tmp_path: Path
) -> None:
    daemon.call("POST", "/instance/register", {"instance_id": "claude-1a2b"})
    daemon.allocate(service_name="orders", instance_id="claude-1a2b", project_path=str(tmp_path))
    with serving(tmp_path) as (_, [port]):
        found = visit(
            daemon,
            tmp_path,
            """
            const axe = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8')
            const found = []
            const look = async (where) => {
              const { violations } = await page.evaluate(() => window.axe.run())
              found.push(...violations.map((each) => `${where}: ${each.id}: ${each.nodes[0].html}`))
            }
            await open()
            await page.evaluate(axe) // by the debugger, which the page's policy does not concern
            for (const tab of ['servers', 'reserved', 'agents', 'ranges', 'events']) {
              await page.click(`#tab-${tab}`)
              await look(tab)
            }
            await page.click('#tab-servers')
            await page.fill('input[type=search]', String(VALUES.port))
            await row(VALUES.port).getByRole('button', { name: /Details/ }).click()
            await look('details')
            await page.getByRole('button', { name: 'Output' }).click()
            await page.waitForSelector('dialog .problem')
            await look('output')
            await page.keyboard.press('Escape')
            await page.waitForSelector('dialog', { state: 'detached' })
            await page.keyboard.press('?')
            await page.waitForSelector('dialog.help')
            await look('help')
            await page.keyboard.press('Escape')
            await page.fill('input[type=search]', 'nothing is called so')
            await page.waitForSelector('.empty')
            await look('empty')
            await page.getByRole('button', { name: 'Sign out' }).click()
            await page.waitForSelector('.signed-out')
            await look('signed out')
            await tell(found)
            """,
            options={"viewport": size, "colorScheme": scheme},
            problems=("Failed to load resource",),  # the output is no file: 404
            port=port,
        )  # fmt: skip
    assert found == [], "\n".join(found)


def test_of_thousands_of_ports_only_what_is_seen_is_there(daemon: Daemon, tmp_path: Path) -> None:
    count = 2 * SLICE + 1
    with serving(tmp_path, ",".join(["0"] * count)) as (_, ports):
        rows, last = visit(
            daemon,
            tmp_path,
            """
            await open()
            await page.fill('input[type=search]', VALUES.name)
            await page.waitForFunction(
              (count) => document.querySelector('.rows')?.ariaRowCount === String(count),
              VALUES.count + 1)
            const rows = await page.locator('.row').count()
            await page.locator('.rows').evaluate((list) => { list.scrollTop = list.scrollHeight })
            await row(VALUES.last).waitFor()
            await tell([rows, VALUES.last])
            """,
            name=tmp_path.name, count=count, last=max(ports),
        )  # fmt: skip
    assert rows < 50
    assert last == max(ports)


def test_what_the_doctor_finds_is_shown_with_the_command_that_helps(
    daemon: Daemon, tmp_path: Path
) -> None:
    token = daemon.home / "auth.token"
    token.chmod(0o644)
    fixes, violations = visit(
        daemon,
        tmp_path,
        """
        await open()
        await page.click('.warnings summary')
        await page.locator('.warnings .fix', { hasText: 'auth.token' }).waitFor()
        await page.evaluate(readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8'))
        const { violations } = await page.evaluate(() => window.axe.run('.warnings'))
        await tell([await page.locator('.warnings .fix').allTextContents(), violations])
        """,
    )
    token.chmod(0o600)
    assert f"chmod go-rwx {token}" in fixes
    assert violations == []


ATTACKS = """
const received = []
const attacker = createServer((request, response) => {
  received.push(request.headers.cookie ?? '')
  response.setHeader('Content-Type', 'text/html')
  response.end('<h1>attacker</h1>')
}).listen(0)
await once(attacker, 'listening')
const theirs = `http://localhost:${attacker.address().port}/`

await open()
await page.goto(theirs)
const asked = await page.evaluate(async (origin) => {
  const ask = (path, more) =>
    fetch(origin + path, { credentials: 'include', ...more })
      .then(() => 'read', (error) => error.name)
  const blind = { method: 'POST', mode: 'no-cors', body: '{"force": true}' }
  return {
    read: await ask('/overview'),
    release: await ask('/cleanup', blind),
    events: await new Promise((done) => {
      const stream = new EventSource(`${origin}/events`, { withCredentials: true })
      stream.onopen = () => done('open')
      stream.onerror = () => { stream.close(); done('refused') }
    }),
  }
}, VALUES.origin)
const posted = await page.evaluate((origin) => {
  const form = document.createElement('form')
  Object.assign(form, { method: 'post', action: `${origin}/cleanup`, enctype: 'text/plain' })
  const field = document.createElement('input')
  Object.assign(field, { name: '{"force": true, "x":"', value: '"}' })
  form.append(field)
  document.body.append(form)
  form.submit()
}, VALUES.origin).then(() => page.waitForURL('**/cleanup')).then(() => page.textContent('body'))

await page.goto(theirs)
await page.setContent(`<iframe src="${VALUES.origin}/"></iframe>`)
const frame = page.frames().find((each) => each !== page.mainFrame())
await frame.waitForLoadState().catch(() => {})
const hasPage = () => document.querySelector('#page') !== null
const framed = await frame.evaluate(hasPage).catch(() => false)

const rebound = (await page.goto(VALUES.origin.replace('localhost', 'evil.test'))).status()
await page.goto(theirs)
const storage = await page.evaluate(() => localStorage.length)

await page.goto(`${VALUES.origin}/`)
await page.waitForSelector('.state.live')
attacker.close()
const cookie = received.find((each) => each.includes('styxy_')) ?? ''
await tell({ ...asked, posted, framed, rebound, storage, cookie })
"""


def test_no_other_site_and_no_other_port_gets_anywhere(daemon: Daemon, tmp_path: Path) -> None:
    lease = daemon.allocate(service_name="kept", project_path=str(tmp_path))
    seen = visit(
        daemon,
        tmp_path,
        ATTACKS,
        flags=("--host-resolver-rules=MAP evil.test 127.0.0.1",),
        problems=(
            "Access to fetch", "Failed to load resource", "Access to resource",
            "Framing", "Refused to display", "Refused to frame", "Unsafe attempt",
        ),
    )  # fmt: skip
    assert (seen["read"], seen["events"]) == ("TypeError", "refused")
    assert "requests from another site" in seen["posted"]
    assert seen["framed"] is False
    assert seen["rebound"] == 403
    assert seen["storage"] == 0
    # This is why there is a second secret: the other port gets the cookie, which alone is nothing.
    assert seen["cookie"].startswith(f"styxy_{daemon.port}=")
    answer = daemon.call("GET", "/overview", over="bare", Cookie=seen["cookie"])
    assert answer.status == 401
    assert [each["lock_id"] for each in daemon.leases()].count(lease["lock_id"]) == 1
