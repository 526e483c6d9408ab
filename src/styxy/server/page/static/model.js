// What is known of the machine, and the lines of each view. It touches no element.

import { baseName, programOf, serviceName } from './words.js'

const WITHOUT_PROJECT = ''

export class Model {
  constructor() {
    this.ports = new Map()
    this.projects = new Map()
    this.events = []
    this.instances = []
    this.ranges = []
    this.warnings = []
    this.version = null
    this.pid = null
    this.startedAt = null
    this.changes = 0
    this.isPartial = true
  }

  /** Take in an overview, or what is new in it. */
  take(answer, isFirst = false) {
    this.isPartial = isFirst
    if (answer.complete) {
      this.ports.clear()
      this.projects.clear()
      this.events = []
    }
    for (const each of answer.projects) this.projects.set(each.path, this.#project(each))
    // What a port is searched by has the name and the branch of its project.
    if (answer.projects.length) for (const each of this.ports.values()) each.text = undefined
    for (const each of answer.ports) this.ports.set(each.port, each)
    for (const port of answer.gone) this.ports.delete(port)
    this.events = this.events.concat(answer.events).slice(-100)
    for (const name of ['instances', 'ranges', 'warnings']) this[name] = answer[name] ?? this[name]
    this.version = answer.version
    this.pid = answer.pid
    this.startedAt = answer.started_at
    this.changes++
  }

  #project(found) {
    const repo = found.repo ? baseName(found.repo) : null
    const name = baseName(found.path)
    return { ...found, name, repoName: repo && repo !== name ? repo : null, sortKey: `${repo ? 0 : 1}${repo || name}\0${found.is_linked ? 1 : 0}\0${found.path}` }
  }

  projectOf(path) {
    return path === undefined ? null : this.projects.get(path) || null
  }

  /** Whether a server may be stopped from here: it is this user's, and not the daemon. */
  mayStop(port) {
    return Boolean(port.listener?.own && port.listener.pid && port.listener.pid !== this.pid)
  }

  servers() {
    return [...this.ports.values()].filter((each) => each.listener)
  }

  reserved() {
    return [...this.ports.values()].filter((each) => !each.listener)
  }

  /** The lines of a list: for each project its heading, then its ports in ascending order. */
  lines(ports, words, filter) {
    const groups = new Map()
    for (const each of ports) {
      if (!filter(each) || !this.#matches(each, words)) continue
      const key = each.project ?? WITHOUT_PROJECT
      const group = groups.get(key)
      if (group) group.push(each)
      else groups.set(key, [each])
    }
    const keys = [...groups.keys()].sort((a, b) => this.#order(a) < this.#order(b) ? -1 : 1)
    const lines = []
    for (const key of keys) {
      const found = groups.get(key).sort((a, b) => a.port - b.port)
      lines.push({ kind: 'group', key: `group ${key}`, project: this.projectOf(key || undefined), path: key, count: found.length })
      for (const each of found) lines.push({ kind: 'port', key: `port ${each.port}`, port: each })
    }
    return lines
  }

  #order(key) {
    if (key === WITHOUT_PROJECT) return '\uffff'
    return (this.projects.get(key)?.sortKey ?? `1${key}`).toLowerCase() // repos first
  }

  #matches(port, words) {
    return words.every((word) => this.#text(port).includes(word))
  }

  /** All that one may search a port by. Made once for each that is looked at. */
  #text(port) {
    if (port.text === undefined) {
      const project = this.projectOf(port.project)
      const { listener, lease } = port
      port.text = [
        port.port, port.requested_port, port.service_type, port.instance_id, serviceName(port),
        project?.name, project?.repoName, project?.branch, project?.shown, listener && programOf(port),
        listener?.command, listener?.pid, listener?.user, lease?.lock_id, lease?.pid,
      ].filter((each) => each !== undefined && each !== null).join('\n').toLowerCase()
    }
    return port.text
  }
}

export const FILTERS = {
  all: { name: 'All', keeps: () => true },
  moved: { name: 'Moved', keeps: (port) => port.requested_port !== undefined },
  agents: { name: 'Agents’', keeps: (port) => port.instance_id !== undefined && port.instance_id !== 'default' },
  own: { name: 'Mine', keeps: (port) => port.listener?.own ?? true },
}

export const wordsOf = (search) => search.toLowerCase().split(/\s+/).filter(Boolean)
