// How things are called: times, places, events. Text only; nothing here makes elements.

const STEPS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']]

/** How long ago a time was, in the largest unit that fits: `12 min`. */
export function ago(time, now = Date.now()) {
  const seconds = Math.max(0, Math.round((now - Date.parse(time)) / 1000))
  const [size, unit] = STEPS.find(([each]) => seconds >= each) || [1, 's']
  return `${Math.floor(seconds / size)} ${unit}`
}

export const clock = (time) => new Date(time).toLocaleTimeString()
export const moment = (time) => new Date(time).toLocaleString()

export function counted(number, one, many = one + 's') {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}

export const baseName = (path) => path.replace(/\/+$/, '').split('/').pop() || '/'

/** Who reaches a server: only this machine, or others too. */
export function reach(addresses) {
  const every = addresses.some((each) => /^(0\.0\.0\.0|::|::ffff:0\.0\.0\.0)$/.test(each))
  if (every) return 'all interfaces'
  const local = addresses.every((each) => /^(127\.|::1$|::ffff:127\.)/.test(each))
  return local ? 'localhost' : addresses.join(', ')
}

/** The name by which a server is known: of its lease, if somebody has named it. */
export function serviceName(port) {
  const name = port.lease?.service_name
  return name && name !== 'unnamed-service' && name !== port.listener?.process ? name : null
}

export const programOf = (port) => port.listener?.program || port.listener?.process || 'hidden process'

const SENTENCES = {
  allocated: (e) => `${e.port} leased to ${e.service_name} (${e.service_type})`,
  released: (e) => `${e.port} released: ${e.reason}`,
  passed: (e) => `${e.port} passed on${e.pid ? ` to process ${e.pid}` : ''}`,
  bound: (e) => `a server listens on its leased port ${e.port}`,
  unbound: (e) => `nothing listens on the leased port ${e.port} any more`,
  reassigned: (e) => `${e.process} (pid ${e.pid}) asked for ${e.requested_port} and was moved to ${e.port}`,
  range_added: (e) => `service type ${e.service_type} has ${e.ranges.map((r) => r.join('-')).join(', ')}`,
  range_removed: (e) => `service type ${e.service_type} removed`,
  instance_registered: (e) => `${e.instance_id} is at work`,
  instance_gone: (e) => `${e.instance_id} has left: ${e.reason}`,
  program_learned: (e) => `learned how ${e.program} meets a taken port`,
  program_forgotten: (e) => `forgot what was learned of ${e.program}`,
  noted: (e) => `${e.subject}: ${e.message}`,
}

export function sentence(event) {
  return (SENTENCES[event.event] || ((e) => e.event.replaceAll('_', ' ')))(event)
}

/** Text of a terminal without its colours and movements (ECMA-48 control sequences). */
export function plain(text) {
  // eslint-disable-next-line no-control-regex
  return text.replace(/\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[@-_])/g, '')
}
