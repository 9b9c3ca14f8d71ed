/** As much XML as cloud APIs send: elements and text; attributes and namespaces are left out. */
export interface XmlElement {
  readonly name: string
  readonly children: readonly XmlElement[]
  readonly text: string
}

const entities: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" }

/** Throws when it is not well-formed, or not one element. */
export function parseXml(text: string): XmlElement {
  const tokens = /<\?[^>]*\?>|<(\/?)([\w:.-]+)((?:\s+[\w:.-]+\s*=\s*"[^"]*")*)\s*(\/?)>|([^<]+)/gy
  const root: Open = { name: '', children: [], text: '' }
  const stack: Open[] = [root]
  let at = 0
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    at = tokens.lastIndex
    const [, closing, name, , empty, content] = token
    const top = stack.at(-1)
    if (top === undefined) break
    if (content !== undefined) top.text += decode(content)
    else if (name === undefined) continue
    else if (closing === '/') {
      if (stack.length === 1 || top.name !== name) throw new Error(`</${name}> closes <${top.name}>`)
      stack.pop()
    } else {
      const element: Open = { name, children: [], text: '' }
      top.children.push(element)
      if (empty !== '/') stack.push(element)
    }
  }
  const [only, ...more] = root.children
  if (at !== text.length) throw new Error(`no XML at ${at}: ${text.slice(at, at + 40)}`)
  if (stack.length !== 1 || only === undefined || more.length > 0) throw new Error('not one whole element')
  return only
}

interface Open {
  readonly name: string
  readonly children: XmlElement[]
  text: string
}

function decode(text: string): string {
  return text.replace(/&(#x?[\da-fA-F]+|\w+);/g, (whole, name: string) => {
    if (name.startsWith('#x')) return String.fromCodePoint(Number.parseInt(name.slice(2), 16))
    if (name.startsWith('#')) return String.fromCodePoint(Number(name.slice(1)))
    return entities[name] ?? whole
  })
}
