// Speaks with the daemon: signs in, asks, and hears when something is new.
//
// The cookie of a session is HttpOnly, and every server on localhost gets it. The proof is kept in
// this origin's own storage, which no other port can read, and shown with each question.

const PROOF = 'styxy.proof'
const CODE = 'styxy.code'

export class Refused extends Error {
  constructor(status, body) {
    super(body.error || `the daemon answered ${status}`)
    this.status = status
    this.code = body.code
  }
}

/** Whether the address has a code; then leave for the one without. A browser shows no redirect in
 * its history, as it would show an address that a script has only changed. */
export function leavesWithCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get('code')
  if (code === null) return false
  sessionStorage.setItem(CODE, code)
  location.replace(location.pathname)
  return true
}

/** The code that was in the address, once. */
export function takeCode() {
  const code = sessionStorage.getItem(CODE)
  sessionStorage.removeItem(CODE)
  return code
}

export async function signIn(code) {
  const answer = await ask('POST', '/page/session', { code })
  localStorage.setItem(PROOF, answer.proof)
}

/** Without the proof the session is of no use, even if the daemon did not hear that it is over. */
export async function signOut() {
  try {
    await ask('DELETE', '/page/session')
  } finally {
    localStorage.removeItem(PROOF)
  }
}

/** Ask the daemon; throws `Refused` with its sentence, or a TypeError if it cannot be reached. */
export async function ask(method, path, body) {
  const headers = {}
  const proof = localStorage.getItem(PROOF)
  if (proof) headers['X-Styxy-Page'] = proof
  if (body) headers['Content-Type'] = 'application/json'
  const sent = body && JSON.stringify(body)
  const answer = await fetch(path, { method, headers, body: sent, credentials: 'same-origin' })
  const read = await answer.json()
  if (!answer.ok) throw new Refused(answer.status, read)
  return read
}

/** How many ports the first answer has: more than a screen shows, and not thousands. */
export const FIRST = 100

/** The first question: what the list of servers begins with. */
const firstLook = () => ask('GET', `/overview?first=${FIRST}`)

/** Asked as soon as this module is there, while the others still come. */
let early = location.hash || sessionStorage.getItem(CODE) ? null : firstLook()
early?.catch(() => {}) // whoever awaits it hears of it

/** Until what was drawn can be seen. */
const drawn = () => new Promise((done) => {
  const timer = setTimeout(done, 200) // a page that is not seen draws nothing
  requestAnimationFrame(() => setTimeout(() => { clearTimeout(timer); done() }))
})

const RETRY = 2000 // milliseconds

/**
 * Keep something up to date: `take` gets the first servers, then the whole overview, then what is new in
 * it, when it is new. `tell` hears 'live', 'waiting' (the daemon is not there), 'refused' with the
 * daemon's sentence, or 'signed out'. Returns what ends it.
 *
 * A page that nobody sees holds no stream: browsers open at most six connections to a host, so that
 * the streams of six tabs would leave none to ask with.
 */
export function follow(take, tell) {
  let revision = null
  let isAsking = false
  let isNews = false
  let isOver = false
  let stream = null
  let timer = null

  async function refresh() {
    isNews = true
    if (isAsking || isOver) return
    isAsking = true
    try {
      while (isNews) {
        isNews = false
        if (revision === null) {
          const first = early || firstLook()
          early = null
          show(await first, true)
          await drawn()
        }
        const answer = await ask('GET', revision === null ? '/overview' : `/overview?since=${revision}`)
        revision = answer.revision
        show(answer)
      }
    } catch (error) {
      if (!isOver) failed(error)
    } finally {
      isAsking = false
    }
  }

  function show(answer, isFirst) {
    if (isOver) return
    take(answer, isFirst)
    tell('live')
  }

  function failed(error) {
    if (error instanceof Refused && error.status === 401) {
      hangUp()
      tell('signed out')
      return
    }
    if (error instanceof Refused) tell('refused', error.message)
    else tell('waiting')
    retry()
  }

  function listen() {
    if (stream) return
    const opened = new EventSource('/events?event=changed')
    opened.addEventListener('changed', refresh)
    // Whatever happened while nobody listened is new, too.
    opened.addEventListener('open', refresh)
    opened.addEventListener('error', () => {
      if (opened !== stream) return
      if (opened.readyState !== EventSource.CLOSED) {
        tell('waiting') // the browser tries again
        return
      }
      hangUp() // it was refused
      retry()
      refresh() // tells why
    })
    stream = opened
  }

  function hangUp() {
    clearTimeout(timer)
    stream?.close()
    stream = null
  }

  function retry() {
    clearTimeout(timer)
    timer = setTimeout(resume, RETRY)
  }

  function resume() {
    if (document.hidden) {
      hangUp()
      return
    }
    refresh()
    listen()
  }

  document.addEventListener('visibilitychange', resume)
  refresh()
  if (!document.hidden) listen()
  return () => {
    isOver = true
    hangUp()
    document.removeEventListener('visibilitychange', resume)
  }
}
