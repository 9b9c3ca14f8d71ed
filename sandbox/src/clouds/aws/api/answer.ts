import { randomUUID } from 'node:crypto'
import type { World } from '../../../world.ts'
import type { SessionClaims } from '../sessions.ts'

/** What an operation is given beside its own parameters. */
export interface ApiScope {
  readonly world: World
  readonly region: string
  /** Of the role whose temporary credentials signed the request; undefined for the sandbox's one user, who may all. */
  readonly session?: SessionClaims | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** A list in XML has a name for its items: `<vpcSet><item/></vpcSet>`. */
export class XmlList {
  readonly itemName: string
  readonly items: readonly XmlValue[]
  constructor(itemName: string, items: readonly XmlValue[]) {
    this.itemName = itemName
    this.items = items
  }
}

export type XmlValue = string | number | boolean | undefined | XmlList | { readonly [name: string]: XmlValue }

/** EC2's and Query's lists. */
export function items(values: readonly XmlValue[]): XmlList {
  return new XmlList('item', values)
}

export function members(values: readonly XmlValue[]): XmlList {
  return new XmlList('member', values)
}

export function toXml(name: string, value: XmlValue): string {
  if (value === undefined) return ''
  if (value instanceof XmlList)
    return `<${name}>${value.items.map(item => toXml(value.itemName, item)).join('')}</${name}>`
  if (typeof value === 'object')
    return `<${name}>${Object.entries(value)
      .map(([key, inner]) => toXml(key, inner))
      .join('')}</${name}>`
  return `<${name}>${escapeXml(String(value))}</${name}>`
}

export function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
}

export function json(body: unknown, status = 200, type = 'application/x-amz-json-1.1'): Answer {
  return {
    status,
    headers: { 'content-type': type, 'x-amzn-requestid': randomUUID() },
    body: JSON.stringify(body),
  }
}

export function xmlAnswer(text: string, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'text/xml', 'x-amzn-requestid': randomUUID() },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n${text}`,
  }
}
