/**
 * Runs azurite's blob service as a process of its own, with two differences that the sandbox needs. Every storage
 * account has the sandbox's key (which accounts there are, the proxy decides: it is what resolves their host names),
 * so a new account needs no restart. And metadata is saved 25 times as often as azurite does by itself, since
 * terraform's state lives here and a killed process must not lose what it answered for. Arguments are azurite-blob's.
 */
import { createRequire } from 'node:module'
import * as z from 'zod'

const require = createRequire(import.meta.url)
const saveEveryMs = 200
const { MLP_STORAGE_KEY: key } = z.object({ MLP_STORAGE_KEY: z.string() }).parse(process.env)

/** azurite's own copy of its database, whichever version that is. */
const requireOfAzurite = createRequire(require.resolve('azurite/package.json'))

const prototypeOf = (load: NodeJS.Require, name: string, at: 'default' | 'module') => {
  const loaded: unknown = load(name)
  const exported = at === 'default' ? z.object({ default: z.unknown() }).parse(loaded).default : loaded
  if (typeof exported !== 'function') throw new Error(`${name} exports no class`)
  return z.custom<object>(value => typeof value === 'object' && value !== null).parse(exported.prototype)
}

Object.assign(prototypeOf(require, 'azurite/dist/src/common/AccountDataStore.js', 'default'), {
  getAccount: (name: string) => ({ name, key1: Buffer.from(key, 'base64') }),
})

const loki = prototypeOf(requireOfAzurite, 'lokijs', 'module')
Object.defineProperty(loki, 'autosaveInterval', { get: () => saveEveryMs, set: () => undefined })

require('azurite/dist/src/blob/main.js')
