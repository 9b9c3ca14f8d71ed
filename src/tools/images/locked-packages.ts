import * as z from 'zod'

const dependencies = z.record(z.string(), z.string()).default({})
const packageSchema = z.looseObject({
  link: z.boolean().default(false),
  resolved: z.string().optional(),
  dependencies,
  optionalDependencies: dependencies,
  peerDependencies: dependencies,
})
/** https://docs.npmjs.com/cli/v11/configuring-npm/package-lock-json#packages */
const lockSchema = z.object({ packages: z.record(z.string(), packageSchema) })
type Packages = z.output<typeof lockSchema>['packages']

/**
 * Of a lock file, the entries that a workspace's production dependencies come from, found as Node finds packages: what
 * another workspace or a development tool changes in the lock changes nothing here. Sorted by path.
 */
export function lockedPackages(lock: string, workspace: string): readonly (readonly [string, string])[] {
  const { packages } = lockSchema.parse(JSON.parse(lock))
  const found = new Map<string, string>()
  const open = [workspace]
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const entry = packages[path]
    if (entry === undefined || found.has(path)) continue
    found.set(path, JSON.stringify(entry))
    if (entry.link) {
      if (entry.resolved !== undefined) open.push(entry.resolved)
      continue
    }
    const names = [entry.dependencies, entry.optionalDependencies, entry.peerDependencies].flatMap(each =>
      Object.keys(each),
    )
    // A peer may be optional, and absent: then nothing is installed for it.
    open.push(...names.flatMap(name => locate(packages, path, name) ?? []))
  }
  return [...found].toSorted(([one], [other]) => (one < other ? -1 : 1))
}

/** The nearest `node_modules` that has it, from the package's own folder upwards. */
function locate(packages: Packages, from: string, name: string): string | undefined {
  const parts = from === '' ? [] : from.split('/')
  for (let length = parts.length; length >= 0; length--) {
    if (parts[length - 1] === 'node_modules') continue
    const path = [...parts.slice(0, length), 'node_modules', name].join('/')
    if (packages[path] !== undefined) return path
  }
  return undefined
}
