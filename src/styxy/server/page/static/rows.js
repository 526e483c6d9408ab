// A long list of which only what is seen exists: thousands of lines cost as much as thirty.

import { html, useEffect, useLayoutEffect, useRef, useState } from './preact.js'

const SPARE = 6 // lines above and below what is seen, for a finger that scrolls fast

/** Where each line begins, and at the end the height of all. */
function offsetsOf(lines, heightOf) {
  const offsets = new Float64Array(lines.length + 1)
  lines.forEach((line, index) => { offsets[index + 1] = offsets[index] + heightOf(line) })
  return offsets
}

/** The line at a height. */
function lineAt(offsets, height) {
  let low = 0
  let high = offsets.length - 2
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (offsets[middle] <= height) low = middle
    else high = middle - 1
  }
  return low
}

export function Rows({ lines, heightOf, children, label, selected }) {
  const frame = useRef(null)
  const [view, setView] = useState({ top: 0, height: 800 })
  const offsets = offsetsOf(lines, heightOf)
  const total = offsets[lines.length]

  useLayoutEffect(() => {
    const element = frame.current
    const look = () => setView({ top: element.scrollTop, height: element.clientHeight })
    const observer = new ResizeObserver(look)
    observer.observe(element)
    element.addEventListener('scroll', look, { passive: true })
    return () => { observer.disconnect(); element.removeEventListener('scroll', look) }
  }, [])

  useEffect(() => {
    const index = lines.findIndex((line) => line.key === selected)
    if (index < 0) return
    const element = frame.current
    // The heading of its project stays in sight if there is room for both.
    const begin = offsets[Math.max(0, index - 1)]
    const end = offsets[index + 1]
    if (begin < element.scrollTop) element.scrollTop = begin
    else if (end > element.scrollTop + element.clientHeight) element.scrollTop = end - element.clientHeight
  }, [selected])

  const first = lines.length ? Math.max(0, lineAt(offsets, view.top) - SPARE) : 0
  const last = lines.length ? Math.min(lines.length, lineAt(offsets, view.top + view.height) + 1 + SPARE) : 0
  const active = lines.findIndex((line) => line.key === selected)
  const isSeen = active >= first && active < last
  return html`
    <div class="rows" ref=${frame} role="grid" tabindex="0" aria-label=${label} aria-rowcount=${lines.length}
         aria-activedescendant=${isSeen ? idOf(lines[active].key) : undefined}>
      <div class="all-rows" role="rowgroup" style=${{ height: `${total}px` }}>
        ${lines.slice(first, last).map((line, offset) => html`
          <div class=${`row ${line.kind}${line.key === selected ? ' selected' : ''}`} role="row" key=${line.key}
               id=${idOf(line.key)} aria-rowindex=${first + offset + 1} aria-selected=${line.key === selected}
               style=${{ transform: `translateY(${offsets[first + offset]}px)`, height: `${heightOf(line)}px` }}>
            ${children(line)}
          </div>`)}
      </div>
    </div>`
}

const idOf = (key) => `row-${key.replace(/[^\w-]/g, '_')}`
