// Questions and details. Each is a modal <dialog>, which keeps the focus and closes with Escape.

import { html, useEffect, useLayoutEffect, useRef, useState } from './preact.js'
import { ask } from './daemon.js'
import { ago, counted, moment, plain, programOf, reach, serviceName } from './words.js'

export function Dialog({ title, close, children, kind = '' }) {
  const element = useRef(null)
  useLayoutEffect(() => {
    const before = document.activeElement
    element.current.showModal()
    return () => before?.focus?.()
  }, [])
  return html`<dialog ref=${element} class=${kind} onClose=${close} aria-labelledby="dialog-title"
      onClick=${(event) => { if (event.target === element.current) close() }}>
    <header><h2 id="dialog-title">${title}</h2>
      <button type="button" class="plain" onClick=${close} aria-label="Close">✕</button></header>
    ${children}
  </dialog>`
}

/** Ask before something ends. `work` returns what happened; what it throws is shown. */
export function Question({ title, text, verb, work, close, done }) {
  const [state, setState] = useState({ isBusy: false, problem: null })
  async function answer(event) {
    event.preventDefault()
    setState({ isBusy: true, problem: null })
    try {
      done(await work())
      close()
    } catch (error) {
      setState({ isBusy: false, problem: error.message })
    }
  }
  return html`<${Dialog} title=${title} close=${close} kind="question"><form onSubmit=${answer}>
    <p>${text}</p>
    ${state.problem && html`<p class="problem" role="alert">${state.problem}</p>`}
    <footer>
      <button type="button" onClick=${close} autofocus>Cancel</button>
      <button type="submit" class="danger solid" disabled=${state.isBusy}>${state.isBusy ? 'Waiting for it to end …' : verb}</button>
    </footer></form><//>`
}

export function stopQuestion(port, project) {
  const { listener } = port
  return {
    title: `Stop ${programOf(port)} on ${port.port}?`,
    text: `${project ? `It serves ${project.shown}${project.branch ? ` (${project.branch})` : ''}. ` : ''}Process ${listener.pid} and all that belongs to it get SIGTERM, and what has not ended after 10 seconds is killed.`,
    verb: 'Stop it',
    work: async () => (await ask('POST', '/stop', { port: port.port, pid: listener.pid })).message,
  }
}

export function releaseQuestion(port, project) {
  return {
    title: `Release ${port.port}?`,
    text: `${serviceName(port) || 'This service'}${project ? ` of ${project.shown}` : ''} may lose the port to somebody else.`,
    verb: 'Release it',
    work: async () => (await ask('DELETE', `/allocate/${encodeURIComponent(port.lease.lock_id)}`)).message,
  }
}

function Fact({ name, children }) {
  return children === undefined || children === null || children === '' ? null : html`<dt>${name}</dt><dd>${children}</dd>`
}

export function Details({ port, project, close, act }) {
  const { listener, lease } = port
  return html`<${Dialog} title=${`Port ${port.port}`} close=${close} kind="details">
    <dl>
      <${Fact} name="Project">${project ? project.shown : port.project}<//>
      <${Fact} name="Branch">${project?.branch}<//>
      <${Fact} name="Repo">${project?.repo}<//>
      <${Fact} name="Service">${[serviceName(port), port.service_type].filter(Boolean).join(', ')}<//>
      ${port.requested_port !== undefined && html`<${Fact} name="Moved">asked ${port.requested_port}, sits at ${port.port}<//>`}
      ${listener && html`
        <${Fact} name="Address">${listener.url ? html`<a href=${listener.url} target="_blank" rel="noopener noreferrer">${listener.url}</a>` : listener.protocol}<//>
        <${Fact} name="Listens on">${listener.addresses.join(', ')} (${reach(listener.addresses)})<//>
        <${Fact} name="Program">${programOf(port)}<//>
        <${Fact} name="Process">${listener.pid}${listener.user ? ` of ${listener.user}` : ''}<//>
        <${Fact} name="Command">${listener.command && html`<code>${listener.command}</code>`}<//>
        <${Fact} name="Since">${listener.since && `${moment(listener.since)} (${ago(listener.since)})`}<//>`}
      <${Fact} name="Session">${port.instance_id}<//>
      ${lease && html`
        <${Fact} name="Lease"><code>${lease.lock_id}</code> (${lease.state})<//>
        <${Fact} name="Promised to">${lease.project}<//>
        <${Fact} name="Leased">${moment(lease.allocated_at)}<//>
        <${Fact} name="Lapses">${lease.expires_at && moment(lease.expires_at)}<//>`}
    </dl>
    <footer>
      ${listener?.url && html`<button type="button" onClick=${() => act.open(port)}>Open</button>
        <button type="button" onClick=${() => act.copy(port)}>Copy address</button>`}
      ${listener?.own && listener.pid && html`<button type="button" onClick=${() => act.output(port)}>Output</button>`}
      ${lease && html`<button type="button" class="danger" onClick=${() => act.release(port)}>Release</button>`}
      ${act.mayStop(port) && html`<button type="button" class="danger" onClick=${() => act.stop(port)}>Stop</button>`}
    </footer><//>`
}

export function Output({ port, close }) {
  const [stream, setStream] = useState('stdout')
  const [found, setFound] = useState(null)
  const end = useRef(null)
  async function load() {
    setFound(null)
    try {
      setFound(await ask('GET', `/output/${port.port}?stream=${stream}`))
    } catch (error) {
      setFound({ problem: error.message })
    }
  }
  useEffect(() => { load() }, [stream])
  useEffect(() => { if (end.current) end.current.scrollTop = end.current.scrollHeight }, [found])
  return html`<${Dialog} title=${`Output of ${programOf(port)} on ${port.port}`} close=${close} kind="output">
    <p class="tools">
      ${['stdout', 'stderr'].map((each) => html`<button type="button" aria-pressed=${stream === each} onClick=${() => setStream(each)}>${each}</button>`)}
      <button type="button" onClick=${load}>Load again</button>
      ${found?.path && html`<span class="path">${found.path}, ${found.size.toLocaleString('en')} bytes${found.is_cut ? ', the last 64 KiB' : ''}</span>`}
    </p>
    ${!found ? html`<p class="muted">Loading …</p>`
      : found.problem ? html`<p class="problem" role="alert">${found.problem}</p>`
      : html`<pre ref=${end} tabindex="0" role="region" aria-label=${`The end of ${stream}`}>${plain(found.text) || 'nothing yet'}</pre>`}
  <//>`
}

export function Help({ close, shortcuts, isOn, toggle }) {
  return html`<${Dialog} title="Keyboard" close=${close} kind="help">
    <dl class="keys">${shortcuts.map(({ shown, does }) => html`<dt><kbd>${shown}</kbd></dt><dd>${does}</dd>`)}</dl>
    <p><label><input type="checkbox" checked=${isOn} onChange=${toggle} /> single letters are shortcuts</label></p>
  <//>`
}

export function Warnings({ warnings, done }) {
  if (!warnings?.length) return null
  return html`<details class="warnings"><summary>${counted(warnings.length, 'warning')}</summary>
    <ul>${warnings.map((each) => html`<li><${Warning} text=${each} done=${done} /></li>`)}</ul>
    <p>For what concerns a shell, type in it: <code>styxy doctor</code></p></details>`
}

const FIX = '; fix: '

/** A sentence; below it, in one piece to be copied, the command that it ends in. */
function Warning({ text, done }) {
  const at = text.lastIndexOf(FIX)
  if (at < 0) return text
  const fix = text.slice(at + FIX.length)
  async function copy() {
    await navigator.clipboard.writeText(fix)
    done(`Copied ${fix}`)
  }
  return html`${text.slice(0, at)}<br /><code class="fix">${fix}</code>
    <button type="button" class="plain small" onClick=${copy} aria-label=${`Copy: ${fix}`}>Copy</button>`
}
