import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { isIP, type Socket } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { connect as tlsConnect } from 'node:tls'
import type { Lookup } from './answers.ts'
import { type DnsStore, healthIdOf } from './dns-store.ts'

/** How often the list of checks is looked at; no check is asked more often than that. */
const leastMs = 500
/** https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-determining-health-of-endpoints.html */
const timeoutMs = 4_000

/** One thing that a simulated cloud asks, over TLS as all of these are. */
interface Asked {
  readonly id: string
  /** A name, looked up each time, or an address. */
  readonly target: string
  readonly host: string
  readonly port: number
  readonly path: string
  readonly intervalSeconds: number
  readonly failures: number
}

export interface HealthCheckOptions {
  readonly store: DnsStore
  lookup(name: string, type: string): Lookup
  /** How to reach a load balancer; undefined when there is none at that address and port. */
  dial(address: string, port: number): (() => Promise<Socket>) | undefined
  timeScale(): number
  log(message: string): void
}

/**
 * The clouds' health checkers: real requests to the gateways, at the addresses to which names lead. So many failures one
 * after the other make a target unhealthy, and as many successes healthy again.
 */
export function runHealthChecks(options: HealthCheckOptions, signal: AbortSignal): void {
  const { store, log } = options
  const nextAt = new Map<string, number>()
  const streaks = new Map<string, { readonly good: boolean; readonly length: number }>()
  const asking = new Set<string>()

  async function ask(asked: Asked): Promise<void> {
    const verdict = await probe(asked, options, signal)
    if (signal.aborted) return
    const before = streaks.get(asked.id)
    const length = before?.good === verdict.healthy ? before.length + 1 : 1
    streaks.set(asked.id, { good: verdict.healthy, length })
    const known = store.health(asked.id)
    if (known !== undefined && (known.healthy === verdict.healthy || length < asked.failures)) return
    store.putHealth(asked.id, { ...verdict, at: new Date().toISOString() })
    log(`health check ${asked.id}: ${verdict.healthy ? 'healthy' : 'unhealthy'}: ${verdict.why}`)
  }

  async function round(): Promise<void> {
    const all = allAsked(store)
    const ids = new Set(all.map(({ id }) => id))
    for (const id of store.knownHealth()) if (!ids.has(id)) store.forgetHealth(id)
    const now = Date.now()
    for (const asked of all) {
      if (asking.has(asked.id) || (nextAt.get(asked.id) ?? 0) > now) continue
      nextAt.set(asked.id, now + Math.max(leastMs, asked.intervalSeconds * 1000 * options.timeScale()))
      asking.add(asked.id)
      ask(asked)
        .catch((error: unknown) => log(`health check ${asked.id}: ${String(error)}`))
        .finally(() => asking.delete(asked.id))
    }
  }

  void (async () => {
    while (!signal.aborted) {
      await round()
      await delay(leastMs, undefined, { signal, ref: false }).catch(() => {})
    }
  })()
}

function allAsked(store: DnsStore): readonly Asked[] {
  const zones = store.zones()
  return [
    ...store
      .checks('aws')
      .flatMap(({ id, target, host, ...check }) =>
        target === undefined ? [] : [{ ...check, id, target, host: host ?? target }],
      ),
    // Cloud DNS asks every address of a policy that names the check.
    ...store.checks('gcp').flatMap(({ id, host = '', ...check }) =>
      zones
        .filter(({ cloud }) => cloud === 'gcp')
        .flatMap(zone => store.entries(zone))
        .flatMap(({ choices }) => choices)
        .flatMap(({ values, health }) =>
          values
            .filter(value => health === healthIdOf(id, value))
            .map(target => ({ ...check, id: healthIdOf(id, target), target, host })),
        ),
    ),
    ...store.profiles().flatMap(({ id, endpoints, port, path, intervalSeconds, failures }) =>
      endpoints.map(({ target }) => ({
        ...{ id: healthIdOf(id, target), target, host: target, port, path, intervalSeconds },
        // Traffic Manager tolerates so many, and acts on the next.
        failures: failures + 1,
      })),
    ),
  ]
}

async function probe(
  { target, host, port, path }: Asked,
  { lookup, dial }: HealthCheckOptions,
  ended: AbortSignal,
): Promise<{ readonly healthy: boolean; readonly why: string }> {
  const address =
    isIP(target) > 0 ? target : lookup(target, 'A').answers.find(({ type }) => type === 'A')?.value
  if (address === undefined) return { healthy: false, why: `Failure: ${target} has no address` }
  const way = dial(address, port)
  if (way === undefined)
    return { healthy: false, why: `Failure: connection to ${address} port ${port} refused` }
  const signal = AbortSignal.any([ended, AbortSignal.timeout(timeoutMs)])
  let socket: Socket | undefined
  try {
    const connecting = way()
    connecting.then(
      late => (signal.aborted ? late.destroy() : undefined),
      () => {},
    )
    socket = await Promise.race([connecting, aborted(signal)])
    // The clouds' checkers look at no certificate.
    const secure = tlsConnect({
      socket,
      servername: host,
      ALPNProtocols: ['http/1.1'],
      rejectUnauthorized: false,
    })
    await once(secure, 'secureConnect', { signal })
    const sent = request({ createConnection: () => secure, headers: { host }, path, signal })
    sent.end()
    const [answer] = (await once(sent, 'response', { signal })) as [IncomingMessage]
    answer.resume()
    const status = answer.statusCode ?? 0
    return status >= 200 && status < 400
      ? { healthy: true, why: `Success: HTTP Status Code ${status}, ${answer.statusMessage || 'OK'}` }
      : { healthy: false, why: `Failure: HTTP Status Code ${status}` }
  } catch (error) {
    return { healthy: false, why: `Failure: ${error instanceof Error ? error.message : String(error)}` }
  } finally {
    socket?.destroy()
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  await once(signal, 'abort')
  throw new Error('The health checker could not establish a connection within the timeout limit.')
}
