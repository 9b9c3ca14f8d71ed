import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSettings, SettingsError } from '@mlp/service-kit/settings'
import { digest } from '../copy/digests.ts'
import { listAll } from '../plan/list-all.ts'
import { type RetryPolicy, retry } from '../retry.ts'
import { storesOptions } from '../settings.ts'
import { openStores } from '../stores/open-stores.ts'
import { objectsSettings } from './settings.ts'

// Run by a Job, by the pod's own identity: puts test objects into a bucket, or takes them away again.

const policy: RetryPolicy = {
  attempts: 6,
  attemptTimeoutMs: 30_000,
  firstDelayMs: 200,
  longestDelayMs: 5_000,
}
const say = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)

try {
  const settings = readSettings(objectsSettings, process.env)
  const stores = openStores(storesOptions(settings, 4))
  const { signal } = new AbortController()
  for (const location of settings.OBJECTS_REMOVE) {
    const store = stores.open(location)
    const keys: string[] = []
    for await (const page of listAll(store, policy, signal)) keys.push(...page.map(({ key }) => key))
    for (const key of keys) await retry(policy, signal, attempt => store.delete(key, attempt))
    say({ level: 'info', msg: 'removed', objects: keys.length, prefix: location.prefix })
  }
  const names = settings.OBJECTS_PUT.length === 0 ? [] : await readdir(settings.OBJECTS_FOLDER)
  for (const [index, location] of settings.OBJECTS_PUT.entries()) {
    const store = stores.open(location)
    const own = names.filter(name => name.startsWith(`${index}__`)).sort()
    for (const name of own) {
      const content = await readFile(join(settings.OBJECTS_FOLDER, name))
      const key = name.slice(`${index}__`.length).replaceAll('__', '/')
      const digests = digest(content, store.needsMd5)
      await retry(policy, signal, attempt => store.put(key, content, digests, { metadata: {} }, attempt))
    }
    say({ level: 'info', msg: 'put', objects: own.length, prefix: location.prefix })
  }
  await stores.close()
} catch (error) {
  process.stderr.write(`objects: ${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = error instanceof SettingsError ? 2 : 1
}
