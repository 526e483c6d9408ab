// Shortcuts: one table, which the help shows too. Letters count only where nobody is typing, and
// can be switched off (WCAG 2.1.4), because speech input types letters as well.

const SWITCH = 'styxy.letters'

export const SHORTCUTS = [
  { keys: ['/'], shown: '/', does: 'search', act: 'focusSearch' },
  { keys: ['j', 'ArrowDown'], shown: 'j ↓', does: 'next port', act: 'next' },
  { keys: ['k', 'ArrowUp'], shown: 'k ↑', does: 'previous port', act: 'previous' },
  { keys: ['Enter'], shown: 'Enter', does: 'all about the chosen port', act: 'showChosen' },
  { keys: ['o'], shown: 'o', does: 'open it in the browser', act: 'openChosen' },
  { keys: ['c'], shown: 'c', does: 'copy its address', act: 'copyChosen' },
  { keys: ['l'], shown: 'l', does: 'the end of its output', act: 'outputChosen' },
  { keys: ['s'], shown: 's', does: 'stop its server', act: 'stopChosen' },
  { keys: ['r'], shown: 'r', does: 'release its lease', act: 'releaseChosen' },
  { keys: ['1', '2', '3', '4', '5'], shown: '1 … 5', does: 'servers, reserved, agents, ranges, events', act: 'tab' },
  { keys: ['t'], shown: 't', does: 'light, dark, as the system', act: 'theme' },
  { keys: ['?'], shown: '?', does: 'this help', act: 'help' },
  { keys: ['Escape'], shown: 'Esc', does: 'close, or empty the search', act: 'escape' },
]

export const areOn = () => localStorage.getItem(SWITCH) !== 'off'
export const toggle = () => localStorage.setItem(SWITCH, areOn() ? 'off' : 'on')

const isTyping = (element) => /^(INPUT|TEXTAREA|SELECT)$/.test(element.tagName)
const isPressed = (element) => /^(BUTTON|A|SUMMARY)$/.test(element.tagName)

/** Call the action of a key; `acts` has one for each name in the table. */
export function onKey(event, acts) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return
  if (document.querySelector('dialog[open]')) return // it has keys of its own
  if (isTyping(event.target) && !['Escape', 'ArrowDown', 'Enter'].includes(event.key)) return
  if (isPressed(event.target) && event.key === 'Enter') return
  if (event.target.getAttribute('role') === 'tab' && event.key.startsWith('Arrow')) return
  if (event.key.length === 1 && !areOn()) return
  const found = SHORTCUTS.find((each) => each.keys.includes(event.key))
  if (!found) return
  event.preventDefault()
  acts[found.act](event.key)
}
