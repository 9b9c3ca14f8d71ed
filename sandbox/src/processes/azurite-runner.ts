/**
 * Runs azurite's blob service as a process of its own, with two differences that the sandbox needs. Every storage
 * account has the sandbox's key (which accounts there are, the proxy decides: it is what resolves their host names),
 * so a new account needs no restart. And a change is on the disk before it is answered, since terraform's state and its
 * lock live here: azurite by itself saves every five seconds, and loses what it answered for when it is killed.
 * Arguments are azurite-blob's.
 */
import { ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import * as z from 'zod'

const require = createRequire(import.meta.url)
const { MLP_STORAGE_KEY: key } = z.object({ MLP_STORAGE_KEY: z.string() }).parse(process.env)

/** azurite's own copy of its database, whichever version that is. */
const requireOfAzurite = createRequire(require.resolve('azurite/package.json'))

const prototypeOf = (load: NodeJS.Require, name: string, at: 'default' | 'module') => {
  const loaded: unknown = load(name)
  const exported = at === 'default' ? z.object({ default: z.unknown() }).parse(loaded).default : loaded
  if (typeof exported !== 'function') throw new Error(`${name} exports no class`)
  return z.custom<object>(value => typeof value === 'object' && value !== null).parse(exported.prototype)
}
const methodOf = (prototype: object, name: string) => {
  const method: unknown = Reflect.get(prototype, name)
  if (typeof method !== 'function') throw new Error(`azurite's database has no ${name}`)
  return method
}

Object.assign(prototypeOf(require, 'azurite/dist/src/common/AccountDataStore.js', 'default'), {
  getAccount: (name: string) => ({ name, key1: Buffer.from(key, 'base64') }),
})

const loki = prototypeOf(requireOfAzurite, 'lokijs', 'module')
const configureOptions = methodOf(loki, 'configureOptions')
const saveDatabase = methodOf(loki, 'saveDatabase')
const databases = new Set<object>()
Object.assign(loki, {
  // Its constructor calls this.
  configureOptions(this: object, ...args: readonly unknown[]) {
    databases.add(this)
    return Reflect.apply(configureOptions, this, args)
  },
})
const save = (database: object) =>
  new Promise<void>((resolve, reject) =>
    Reflect.apply(saveDatabase, database, [(error: unknown) => (error ? reject(error) : resolve())]),
  )

const end = ServerResponse.prototype.end
Object.assign(ServerResponse.prototype, {
  end(this: ServerResponse, ...args: readonly unknown[]) {
    const answer = () => Reflect.apply(end, this, args)
    if (['GET', 'HEAD'].includes(this.req.method ?? '')) return answer()
    // What is not on the disk was not done: without an answer the client asks again.
    Promise.all([...databases].map(save)).then(answer, () => this.destroy())
    return this
  },
})

require('azurite/dist/src/blob/main.js')
