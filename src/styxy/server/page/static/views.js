// What each tab shows.

import { html } from './preact.js'
import { Rows } from './rows.js'
import { ago, baseName, clock, counted, programOf, reach, sentence, serviceName } from './words.js'

const narrow = matchMedia('(max-width: 720px)')
const heightOf = (line) => narrow.matches ? (line.kind === 'group' ? 58 : 74) : (line.kind === 'group' ? 50 : 44)

export function Empty({ title, children }) {
  return html`<div class="empty"><h2>${title}</h2>${children}</div>`
}

/** The heading of a project: what it is called, its branch, where it is. */
function Project({ line }) {
  const { project, path, count } = line
  if (!project) {
    const name = path ? baseName(path) : 'No project'
    return html`<div role="gridcell" class="heading"><h2>${name}</h2>
      <span class="path">${path || 'servers of the system and of other users'}</span></div>`
  }
  return html`<div role="gridcell" class="heading">
    <h2>${project.repoName && html`<span class="repo">${project.repoName} › </span>`}${project.name}</h2>
    ${project.branch && html`<span class="branch" title="branch">${project.branch}</span>`}
    ${project.is_linked && html`<span class="badge">worktree</span>`}
    <span class="path" title=${project.path}>${project.shown}</span>
    <span class="count">${counted(count, 'port')}</span>
  </div>`
}

function Server({ port, act }) {
  const { listener, lease } = port
  const isTcp = listener.protocol !== 'udp'
  const name = serviceName(port)
  return html`
    <div role="gridcell" class="number">${isTcp
      ? html`<a href=${listener.url} target="_blank" rel="noopener noreferrer" title=${`open ${listener.url}`}>${port.port}</a>`
      : html`<span>${port.port}</span>`}</div>
    <div role="gridcell" class="what">
      <strong>${name || programOf(port)}</strong>
      ${port.requested_port !== undefined && html`<span class="badge moved" title="another server had the port that it asked for">asked ${port.requested_port}, sits at ${port.port}</span>`}
      ${!isTcp && html`<span class="badge">UDP</span>`}
      ${lease?.project && html`<span class="badge stranger" title=${lease.project}>promised to ${baseName(lease.project)}</span>`}
      <span class="command" title=${listener.command}>${name ? `${programOf(port)} · ` : ''}${listener.command || (listener.user ? `of ${listener.user}` : '')}</span>
    </div>
    <div role="gridcell" class="kind">${port.service_type || '—'}</div>
    <div role="gridcell" class="who">${port.instance_id && port.instance_id !== 'default' ? port.instance_id : reach(listener.addresses)}</div>
    <div role="gridcell" class="since" title=${listener.since}>${listener.since ? ago(listener.since) : ''}</div>
    <div role="gridcell" class="actions">
      ${isTcp && html`<button type="button" onClick=${() => act.copy(port)} aria-label=${`Copy the address of ${port.port}`}>Copy</button>`}
      ${act.mayStop(port) && html`<button type="button" class="danger" onClick=${() => act.stop(port)} aria-label=${`Stop ${programOf(port)} on ${port.port}`}>Stop</button>`}
      <button type="button" onClick=${() => act.show(port)} aria-label=${`Details of ${port.port}`}>Details</button>
    </div>`
}

function Reserved({ port, act }) {
  const { lease } = port
  const name = serviceName(port)
  return html`
    <div role="gridcell" class="number"><span>${port.port}</span></div>
    <div role="gridcell" class="what"><strong>${name || 'without a name'}</strong>
      ${port.requested_port !== undefined && html`<span class="badge moved">asked ${port.requested_port}</span>`}
      <span class="command">${lease.pid ? `for process ${lease.pid}` : 'for its project'}</span></div>
    <div role="gridcell" class="kind">${port.service_type || '—'}</div>
    <div role="gridcell" class="who">${port.instance_id !== 'default' ? port.instance_id : ''}</div>
    <div role="gridcell" class="since" title=${lease.allocated_at}>${ago(lease.allocated_at)}</div>
    <div role="gridcell" class="actions">
      <button type="button" class="danger" onClick=${() => act.release(port)} aria-label=${`Release ${port.port}`}>Release</button>
      <button type="button" onClick=${() => act.show(port)} aria-label=${`Details of ${port.port}`}>Details</button>
    </div>`
}

export function List({ lines, label, selected, act, empty }) {
  if (!lines.length) return empty
  return html`<${Rows} lines=${lines} heightOf=${heightOf} label=${label} selected=${selected}>
    ${(line) => line.kind === 'group' ? html`<${Project} line=${line} />`
      : line.port.listener ? html`<${Server} port=${line.port} act=${act} />`
      : html`<${Reserved} port=${line.port} act=${act} />`}
  <//>`
}

const MOST_AGENTS = 200

export function Agents({ model, words, search }) {
  const found = model.instances.filter((each) => {
    const text = `${each.instance_id} ${each.project} ${each.ports.join(' ')}`.toLowerCase()
    return words.every((word) => text.includes(word))
  })
  if (!found.length) {
    return html`<${Empty} title=${words.length ? 'No session matches' : 'No agent is at work'}>
      <p>Coding agents appear here, with the ports that they hold, once Styxy’s hooks are installed:</p>
      <p><code>styxy agent install</code></p><//>`
  }
  return html`<ul class="cards" tabindex="0" aria-label="Agent sessions">
    ${found.slice(0, MOST_AGENTS).map((each) => {
      const project = model.projectOf(each.project ?? undefined)
      return html`<li key=${each.instance_id} class="card">
        <h2>${each.agent || 'instance'}</h2>
        <p class="path" title=${each.instance_id}>${each.instance_id}</p>
        <p>${project ? html`in <strong>${project.name}</strong> ${project.branch && html`<span class="branch">${project.branch}</span>`}` : each.working_directory || ''}</p>
        <p class="muted">${each.pid ? `process ${each.pid}, ` : ''}here for ${ago(each.registered_at)}, last heard of ${ago(each.last_heartbeat)} ago</p>
        <p class="chips">${each.ports.length
          ? each.ports.map((port) => html`<button type="button" class="chip" onClick=${() => search(port)} aria-label=${`Show port ${port}`}>${port}</button>`)
          : html`<span class="muted">holds no port</span>`}</p>
      </li>`
    })}
    ${found.length > MOST_AGENTS && html`<li class="muted">and ${found.length - MOST_AGENTS} more: search for them</li>`}
  </ul>`
}

/** A square for each port of a range; three paths draw all of it. */
function Squares({ range, model }) {
  const across = 25
  const parts = { free: '', leased: '', listening: '' }
  const used = []
  let index = 0
  for (const [first, last] of range.ranges) {
    for (let port = first; port <= last; port++, index++) {
      const found = model.ports.get(port)
      const state = found?.listener ? 'listening' : found ? 'leased' : 'free'
      if (found && used.length < 30) used.push(port)
      parts[state] += `M${(index % across) * 10} ${Math.floor(index / across) * 10}h8v8h-8z`
    }
  }
  const label = used.length ? `in use or leased: ${used.join(', ')}${range.used > used.length ? ' and more' : ''}` : 'all free'
  return html`<svg class="squares" viewBox=${`0 0 ${across * 10} ${Math.ceil(index / across) * 10}`} role="img" aria-label=${label}>
    ${Object.entries(parts).map(([state, path]) => html`<path class=${state} d=${path} />`)}</svg>`
}

const MOST_SQUARES = 1000

export function Ranges({ model, words }) {
  const found = model.ranges.filter((each) => words.every((word) => `${each.service_type} ${each.description} ${each.ranges.join(' ')}`.toLowerCase().includes(word)))
  if (!found.length) return html`<${Empty} title="No range matches"><p>To see all of them: <code>styxy types</code></p><//>`
  return html`<div class="ranges"><p class="legend"><i class="listening"></i> a server listens <i class="leased"></i> leased, nothing listens <i class="free"></i> free</p>
    <ul class="cards" tabindex="0" aria-label="Ranges">
    ${found.map((each) => {
      const share = Math.round(100 * each.used / each.size)
      return html`<li key=${each.service_type} class="card">
        <h2>${each.service_type} ${each.is_singleton && html`<span class="badge">one for all</span>`}</h2>
        <p class="path">${each.ranges.map((span) => span.join('–')).join(', ')}</p>
        <p class="muted">${each.description}</p>
        <p><strong>${each.used}</strong> of ${each.size} used (${share} %): ${each.listening} listening, ${each.leased} leased</p>
        <meter min="0" max=${each.size} high=${each.size * 0.9} value=${each.used} aria-label=${`${each.service_type}: ${share} % used`}></meter>
        ${each.size <= MOST_SQUARES && html`<${Squares} range=${each} model=${model} />`}
      </li>`
    })}</ul></div>`
}

export function Events({ model, words }) {
  const found = model.events.filter((each) => words.every((word) => sentence(each).toLowerCase().includes(word))).reverse()
  if (!found.length) return html`<${Empty} title="Nothing has happened yet"><p>Older events: <code>styxy audit</code></p><//>`
  return html`<div class="events" tabindex="0" role="region" aria-label="Recent events"><table><caption class="hidden">Recent events, newest first</caption>
    <thead><tr><th scope="col">When</th><th scope="col">What</th><th scope="col">Who asked</th></tr></thead>
    <tbody>${found.map((each) => html`<tr key=${each.seq}>
      <td title=${each.at}>${clock(each.at)}</td><td>${sentence(each)}</td>
      <td class="muted">${each.user?.name ?? ''}</td></tr>`)}</tbody></table>
    <p class="muted">Older events: <code>styxy audit</code></p></div>`
}
