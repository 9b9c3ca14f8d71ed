import { type DnsStore, healthIdOf } from './dns-store.ts'

interface Answer {
  readonly name: string
  readonly type: string
  readonly ttl: number
  readonly value: string
}

export interface Lookup {
  /** `no-zone`: nobody here answers for that name. `no-name`: there is nothing of that name. */
  readonly outcome: 'found' | 'no-name' | 'no-zone'
  readonly answers: readonly Answer[]
}

interface Choice {
  readonly weight: number
  readonly values: readonly string[]
  readonly health?: string | undefined
}

/** A chain of names longer than this is a loop. */
const longestChain = 8
const trafficManager = '.trafficmanager.net'
const balancerTtl = 60

/**
 * What the clouds' name servers answer. Where a name has several answers by health, one whose check is healthy, each in
 * turn instead of by chance; as if all were healthy when none is, as all three clouds do.
 */
export function openAnswers(
  store: DnsStore,
  /** The address of a load balancer's name; undefined where there is none of that name. */
  balancerAddress: (name: string) => string | undefined,
): (name: string, type: string) => Lookup {
  const turns = new Map<string, number>()

  function choose(key: string, choices: readonly Choice[]): readonly string[] {
    const healthy = choices.filter(
      ({ health }) => health === undefined || store.health(health)?.healthy !== false,
    )
    const open = (healthy.length > 0 ? healthy : choices).filter(({ weight }) => weight > 0)
    const turn = turns.get(key) ?? 0
    turns.set(key, turn + 1)
    return open[turn % Math.max(open.length, 1)]?.values ?? []
  }

  function at(name: string, type: string): Lookup {
    const address = balancerAddress(name)
    if (address !== undefined) {
      const own = { name, type: 'A', ttl: balancerTtl, value: address }
      return { outcome: 'found', answers: type === 'A' ? [own] : [] }
    }
    const profile = name.endsWith(trafficManager)
      ? store.profiles().find(each => each.name === name)
      : undefined
    if (profile !== undefined) {
      const choices = profile.endpoints.map(({ target, weight }) => ({
        ...{ weight, values: [target], health: healthIdOf(profile.id, target) },
      }))
      const values = choose(name, choices)
      return {
        outcome: 'found',
        answers: values.map(value => ({ name, type: 'CNAME', ttl: profile.ttl, value })),
      }
    }
    // Of zones below one another the longest answers.
    const [zone] = store
      .zones()
      .filter(each => !each.isPrivate && (name === each.name || name.endsWith(`.${each.name}`)))
      .sort((left, right) => right.name.length - left.name.length)
    if (zone === undefined) return { outcome: 'no-zone', answers: [] }
    const entries = store.entries(zone)
    const named = entries.filter(entry => entry.name === name)
    const isThere = named.length > 0 || entries.some(entry => entry.name.endsWith(`.${name}`))
    if (!isThere) return { outcome: 'no-name', answers: [] }
    const exact = named.filter(entry => entry.type === type)
    const fitting = exact.length > 0 ? exact : named.filter(entry => entry.type === 'CNAME')
    const [first] = fitting
    if (first === undefined) return { outcome: 'found', answers: [] }
    const values = choose(
      `${name}/${first.type}`,
      fitting.flatMap(({ choices }) => choices),
    )
    return {
      outcome: 'found',
      answers: values.map(value => ({ name, type: first.type, ttl: first.ttl, value })),
    }
  }

  return (asked, type) => {
    const name = asked.toLowerCase().replace(/\.$/, '')
    const first = at(name, type)
    const answers = [...first.answers]
    for (let length = 0; length < longestChain; length++) {
      const last = answers.at(-1)
      if (last?.type !== 'CNAME' || type === 'CNAME') break
      const next = at(last.value, type)
      if (next.answers.length === 0) break
      answers.push(...next.answers)
    }
    return { outcome: first.outcome, answers }
  }
}
