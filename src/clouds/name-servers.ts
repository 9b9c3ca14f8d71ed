import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'

/** Where the target has its own DNS: `127.0.0.1:5300`. Empty on the real clouds, which the internet's DNS knows. */
const variable = 'MLP_NAME_SERVER'
const settings = { timeout: 3_000, tries: 2 }

/** Asks what everybody asks: the internet's DNS, or the target's own. */
export function openResolver(environment: Readonly<Record<string, string>>): Resolver {
  const resolver = new Resolver(settings)
  const own = environment[variable]
  if (own !== undefined) resolver.setServers([own])
  return resolver
}

/** Asks a zone's own name servers, past every cache. */
export async function openZoneResolver(
  nameServers: readonly string[],
  environment: Readonly<Record<string, string>>,
): Promise<Resolver> {
  const usual = openResolver(environment)
  if (environment[variable] !== undefined) return usual
  const found = await Promise.all(
    nameServers.map(async name =>
      isIP(name) > 0 ? [name] : await usual.resolve4(name.replace(/\.$/, '')).catch(() => []),
    ),
  )
  const addresses = found.flat()
  if (addresses.length === 0) throw new Error(`none of ${nameServers.join(', ')} has an address`)
  const resolver = new Resolver(settings)
  resolver.setServers(addresses)
  return resolver
}
