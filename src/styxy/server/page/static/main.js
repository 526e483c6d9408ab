// The page: it follows the daemon, and shows one tab of what is known.

import { html, render, useEffect, useMemo, useReducer, useRef, useState } from './preact.js'
import { FIRST, follow, leavesWithCode, signIn, signOut, takeCode } from './daemon.js'
import { Details, Help, Output, Question, Warnings, releaseQuestion, stopQuestion } from './dialogs.js'
import { SHORTCUTS, areOn, onKey, toggle } from './keys.js'
import { FILTERS, Model, wordsOf } from './model.js'
import { Agents, Empty, Events, List, Ranges } from './views.js'
import { counted } from './words.js'

const model = new Model()
const TABS = ['servers', 'reserved', 'agents', 'ranges', 'events']
const ICON = new URL('icon.svg', import.meta.url).href
const THEMES = ['system', 'light', 'dark']

function applyTheme(theme) {
  localStorage.setItem('styxy.theme', theme)
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

const STATES = {
  connecting: 'Connecting …',
  live: 'Live',
  waiting: 'The daemon does not answer; it starts with the next command, such as: styxy daemon start -d',
}

function SignedOut({ problem }) {
  return html`<main class="signed-out"><img src=${ICON} alt="" width="56" height="56" />
    <h1>Who is there?</h1>
    ${problem && html`<p class="problem" role="alert">${problem}</p>`}
    <p>This browser is not signed in, or the daemon was restarted since. In a terminal, type</p>
    <p><code class="big">styxy open</code></p>
    <p class="muted">It opens this page with a code that works once.</p></main>`
}

function App({ state, problem }) {
  const [tab, setTab] = useState('servers')
  const [search, setSearch] = useState('')
  const [filter, setFilter] = useState('all')
  const [selected, setSelected] = useState(null)
  const [dialog, setDialog] = useState(null)
  const [message, setMessage] = useState('')
  const [theme, setTheme] = useState(localStorage.getItem('styxy.theme') || 'system')
  const [, drawAgain] = useReducer((count) => count + 1, 0)
  const field = useRef(null)

  const words = wordsOf(search)
  const servers = useMemo(() => model.servers(), [model.changes])
  const reserved = useMemo(() => model.reserved(), [model.changes])
  const ports = tab === 'servers' ? servers : tab === 'reserved' ? reserved : []
  const lines = useMemo(() => model.lines(ports, words, FILTERS[filter].keeps), [model.changes, tab, search, filter])
  const chosen = lines.find((line) => line.key === selected)?.port

  useEffect(() => {
    const timer = setInterval(drawAgain, 10_000) // "12 min" becomes 13
    return () => clearInterval(timer)
  }, [])

  const project = (port) => model.projectOf(port.project)
  const ask = (question) => setDialog({ kind: 'question', ...question })
  const act = {
    mayStop: (port) => model.mayStop(port),
    show: (port) => setDialog({ kind: 'details', port }),
    open: (port) => window.open(port.listener.url, '_blank', 'noopener,noreferrer'),
    copy: async (port) => {
      await navigator.clipboard.writeText(port.listener.url)
      setMessage(`Copied ${port.listener.url}`)
    },
    output: (port) => setDialog({ kind: 'output', port }),
    stop: (port) => ask(stopQuestion(port, project(port))),
    release: (port) => ask(releaseQuestion(port, project(port))),
  }

  function step(by) {
    const found = lines.filter((line) => line.kind === 'port')
    if (!found.length) return
    const index = found.findIndex((line) => line.key === selected)
    const next = index < 0 ? (by > 0 ? 0 : found.length - 1) : Math.min(found.length - 1, Math.max(0, index + by))
    setSelected(found[next].key)
    document.querySelector('.rows').focus({ preventScroll: true }) // not a button, which has an Enter of its own
  }

  const withChosen = (name, has) => () => { if (chosen && has(chosen)) act[name](chosen) }
  const nextTheme = () => {
    const next = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]
    setTheme(next)
    applyTheme(next)
    setMessage(`Colours: ${next}`)
  }
  const acts = {
    focusSearch: () => field.current.focus(),
    next: () => step(1),
    previous: () => step(-1),
    showChosen: withChosen('show', () => true),
    openChosen: withChosen('open', (port) => port.listener?.url),
    copyChosen: withChosen('copy', (port) => port.listener?.url),
    outputChosen: withChosen('output', (port) => port.listener?.own),
    stopChosen: withChosen('stop', (port) => model.mayStop(port)),
    releaseChosen: withChosen('release', (port) => port.lease),
    tab: (key) => setTab(TABS[Number(key) - 1]),
    theme: nextTheme,
    help: () => setDialog({ kind: 'help' }),
    escape: () => { setSearch(''); setSelected(null); field.current.blur() },
  }
  const latest = useRef(acts)
  latest.current = acts
  useEffect(() => {
    const listener = (event) => onKey(event, latest.current)
    document.addEventListener('keydown', listener)
    return () => document.removeEventListener('keydown', listener)
  }, [])
  useEffect(() => {
    if (!message) return undefined
    const timer = setTimeout(() => setMessage(''), 6000)
    return () => clearTimeout(timer)
  }, [message])

  if (state === 'signed out') return html`<${SignedOut} problem=${problem} />`
  const counts = [model.isPartial && servers.length === FIRST ? '…' : servers.length, model.isPartial ? '…' : reserved.length, model.instances.length, model.ranges.length, model.events.length]
  const names = ['Servers', 'Reserved', 'Agents', 'Ranges', 'Events']
  const show = (port) => {
    setSearch(String(port))
    setFilter('all')
    setTab(model.ports.get(port)?.listener ? 'servers' : 'reserved')
  }
  // A dialog closes a little after its key: by then, the next one may be there.
  const close = () => setDialog((now) => (now === dialog ? null : now))
  return html`
    <header class="top">
      <h1><img src=${ICON} alt="" width="26" height="26" /> Styxy</h1>
      <input ref=${field} type="search" value=${search} onInput=${(event) => setSearch(event.target.value)}
        placeholder="Search: port, project, branch, program …" aria-label="Search" spellcheck="false" autocomplete="off" />
      <span class=${`state ${state}`} role="status">${state === 'refused' ? problem : STATES[state]}</span>
      <span class="buttons">
        <button type="button" class="plain" onClick=${nextTheme} aria-label=${`Colours: ${theme}; change`} title=${`Colours: ${theme}`}>◐</button>
        <button type="button" class="plain" onClick=${acts.help} aria-label="Keyboard shortcuts" title="Keyboard shortcuts (?)">?</button>
        <button type="button" onClick=${leave} class="plain small">Sign out</button>
      </span>
    </header>
    <${Warnings} warnings=${model.warnings} done=${setMessage} />
    <main>
    <div class="bar">
      <div class="tabs" role="tablist" aria-label="Views" onKeyDown=${(event) => moveTab(event, tab, setTab)}>
        ${TABS.map((each, index) => html`<button type="button" role="tab" id=${`tab-${each}`} aria-controls="view" aria-selected=${tab === each}
          tabindex=${tab === each ? 0 : -1} onClick=${() => setTab(each)}>${names[index]} <span class="count">${counts[index].toLocaleString('en')}</span></button>`)}
      </div>
      ${(tab === 'servers' || tab === 'reserved') && html`<div class="filters" role="group" aria-label="Filter">
        ${Object.entries(FILTERS).map(([each, { name }]) => html`<button type="button" aria-pressed=${filter === each} onClick=${() => setFilter(each)}>${name}</button>`)}
      </div>`}
    </div>
    <div class="view" id="view" role="tabpanel" aria-labelledby=${`tab-${tab}`}>
      ${!model.changes ? html`<p class="muted" role="status">Looking …</p>`
        : tab === 'agents' ? html`<${Agents} model=${model} words=${words} search=${show} />`
        : tab === 'ranges' ? html`<${Ranges} model=${model} words=${words} />`
        : tab === 'events' ? html`<${Events} model=${model} words=${words} />`
        : html`<${List} key=${tab} lines=${lines} selected=${selected} act=${act} label=${names[TABS.indexOf(tab)]}
            empty=${html`<${Nothing} tab=${tab} isFiltered=${words.length > 0 || filter !== 'all'} clear=${() => { setSearch(''); setFilter('all') }} />`} />`}
    </div>
    </main>
    <p class="message" role="status" aria-live="polite">${message}</p>
    ${dialog?.kind === 'details' && html`<${Details} key="details" port=${dialog.port} project=${project(dialog.port)} close=${close} act=${act} />`}
    ${dialog?.kind === 'output' && html`<${Output} key="output" port=${dialog.port} close=${close} />`}
    ${dialog?.kind === 'question' && html`<${Question} key=${dialog.title} ...${dialog} close=${close} done=${setMessage} />`}
    ${dialog?.kind === 'help' && html`<${Help} close=${close} shortcuts=${SHORTCUTS} isOn=${areOn()} toggle=${() => { toggle(); drawAgain() }} />`}`
}

function Nothing({ tab, isFiltered, clear }) {
  if (isFiltered) return html`<${Empty} title="Nothing matches"><p><button type="button" onClick=${clear}>Show all</button></p><//>`
  if (tab === 'reserved') {
    return html`<${Empty} title="No port is reserved">
      <p>A lease keeps a port for a project until its server starts:</p><p><code>styxy allocate -s dev -n web</code></p><//>`
  }
  return html`<${Empty} title="Nothing is listening">
    <p>Start a server, and it appears here. If its port is taken, Styxy moves it:</p><p><code>styxy run -- npm run dev</code></p><//>`
}

function moveTab(event, tab, setTab) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
  if (!by) return
  const next = TABS[(TABS.indexOf(tab) + by + TABS.length) % TABS.length]
  setTab(next)
  document.getElementById(`tab-${next}`).focus()
}

const root = document.getElementById('page')
const shown = { state: 'connecting', problem: null }
let isPlanned = false

/** Draw once for all that comes before the next frame; at once where nobody sees frames. */
function draw() {
  if (isPlanned) return
  isPlanned = true
  queueMicrotask(() => {
    isPlanned = false
    root.querySelector('.sketch')?.remove()
    document.title = model.changes && !model.isPartial ? `${counted(model.servers().length, 'server')} · Styxy` : 'Styxy'
    render(html`<${App} ...${shown} />`, root)
  })
}

function tell(state, problem = null) {
  if (shown.state === state && shown.problem === problem) return
  Object.assign(shown, { state, problem })
  draw()
}

let unfollow = () => {}

async function leave() {
  unfollow()
  let problem = null
  await signOut().catch((error) => {
    if (error.status !== 401) problem = `Signed out here, but the daemon may not know of it: ${error.message}`
  })
  tell('signed out', problem)
}

async function begin() {
  applyTheme(localStorage.getItem('styxy.theme') || 'system')
  if (leavesWithCode()) return
  const code = takeCode()
  let problem = null
  if (code !== null) await signIn(code).catch((error) => { problem = error.message })
  unfollow = follow(
    (answer, isFirst) => { model.take(answer, isFirst); draw() },
    (state, said = null) => tell(state, state === 'signed out' ? problem : said),
  )
}

window.addEventListener('hashchange', leavesWithCode)
begin()
