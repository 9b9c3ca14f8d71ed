import type { Range } from './cidr.ts'
import { contains, overlaps, parseCidr, sizeOf } from './cidr.ts'
import type { Mistake } from './mistakes.ts'
import { show, valueAt } from './mistakes.ts'
import type { Path } from './source.ts'

const cloudNames = ['aws', 'gcp', 'azure'] as const
type CloudName = (typeof cloudNames)[number]

/**
 * Rules that look at more than one value. They take a configuration that may still be wrong elsewhere, and say
 * nothing about values whose own mistakes are reported already, so that one run shows everything.
 */
export function brokenRules(config: unknown): Mistake[] {
  const clouds = cloudNames.filter(cloud => valueAt(config, ['clouds', cloud]) !== undefined)
  return [
    ...atLeastOneCloud(config, clouds),
    ...azureSqlNeedsAzure(config, clouds),
    ...zoneFits(config, clouds),
    ...clouds.flatMap(cloud => [...nodeLimits(config, cloud), ...rangesFit(config, cloud)]),
    ...rangesOverlap(config, clouds),
  ]
}

/** Values like `your-project-id` or `CHANGE_ME`, which a copied example leaves behind. */
export function isPlaceholder(text: string): boolean {
  return /^<.+>$|\bchange[-_ ]?me|^your[-_ ]|^(todo|tbd|fixme|xxx+)$|^placeholder$/i.test(text)
}

function atLeastOneCloud(config: unknown, clouds: readonly CloudName[]): Mistake[] {
  if (clouds.length > 0) return []
  const found = valueAt(config, ['clouds'])
  if (found !== undefined && (typeof found !== 'object' || found === null)) return []
  return [
    mistake(['clouds'], 'no cloud', 'at least one of aws, gcp and azure (`aws:` alone takes its defaults)'),
  ]
}

function azureSqlNeedsAzure(config: unknown, clouds: readonly CloudName[]): Mistake[] {
  const path = ['database', 'engine']
  if (valueAt(config, path) !== 'azure-sql' || clouds.includes('azure')) return []
  return [mistake(path, '"azure-sql" without clouds.azure', 'postgresql, or add clouds.azure')]
}

/** A zone holds the names of a domain, and is asked with the credentials that the platform has anyway. */
function zoneFits(config: unknown, clouds: readonly CloudName[]): Mistake[] {
  if (valueAt(config, ['dns']) === undefined) return []
  const [cloud, zone, domain] = [['dns', 'cloud'], ['dns', 'zone'], ['domain']].map(path =>
    valueAt(config, path),
  )
  const mistakes: Mistake[] = []
  if (cloudNames.some(name => name === cloud) && !clouds.some(name => name === cloud)) {
    mistakes.push(
      mistake(
        ['dns', 'cloud'],
        show(cloud),
        `a configured cloud (${clouds.join(', ')}), or add clouds.${cloud}`,
      ),
    )
  }
  if (domain === undefined) {
    mistakes.push(mistake(['dns'], 'a zone without a domain', '`domain:` beside it, a name in that zone'))
  }
  // An id tells nothing of names: the step asks the cloud.
  if (typeof zone !== 'string' || typeof domain !== 'string' || !/^[^/]+\.[^/]+$/.test(zone)) return mistakes
  if (domain === zone) {
    mistakes.push(
      mistake(
        ['domain'],
        show(domain),
        `a name below the zone, such as ml.${zone}: the zone’s own name takes no CNAME`,
      ),
    )
  } else if (!domain.endsWith(`.${zone}`)) {
    mistakes.push(mistake(['domain'], show(domain), `a name in the zone, such as ml.${zone}`))
  }
  return mistakes
}

function nodeLimits(config: unknown, cloud: CloudName): Mistake[] {
  return ['nodes', 'gpuNodes'].flatMap(pool => {
    const path = ['clouds', cloud, pool]
    const min = valueAt(config, [...path, 'min'])
    const max = valueAt(config, [...path, 'max'])
    if (typeof min !== 'number' || typeof max !== 'number' || min <= max) return []
    return [mistake([...path, 'min'], `${min}`, `at most ${pool}.max, which is ${max}`)]
  })
}

interface NamedRange {
  readonly path: Path
  readonly text: string
  readonly range: Range
}

/** Shortest and longest prefix, after each cloud's documentation and what our templates cut out of a range. */
const prefixes: Record<CloudName, Record<'cidr' | 'pods' | 'services', readonly [number, number]>> = {
  // A VPC's ranges are /16 to /28; three zones of public, private and data subnets need a /20.
  aws: { cidr: [16, 20], pods: [16, 20], services: [12, 24] },
  gcp: { cidr: [8, 20], pods: [9, 21], services: [16, 27] },
  azure: { cidr: [8, 20], pods: [8, 21], services: [12, 24] },
}
/** GKE and AKS give every node a /24 of pod addresses; on EKS an m6i.large takes up to 29. */
const podAddressesPerNode: Record<CloudName, number> = { aws: 32, gcp: 256, azure: 256 }

const privateRanges = rangesOf(['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '100.64.0.0/10'])
/** AKS keeps these for itself. */
const azureOwn = rangesOf(['172.30.0.0/16', '172.31.0.0/16'])

function rangesFit(config: unknown, cloud: CloudName): Mistake[] {
  const mistakes: Mistake[] = []
  for (const use of ['cidr', 'pods', 'services'] as const) {
    const named = namedRange(config, ['clouds', cloud, 'network', use])
    if (named === undefined) continue
    const [shortest, longest] = prefixes[cloud][use]
    const { path, text, range } = named
    if (range.prefix < shortest || range.prefix > longest) {
      mistakes.push(mistake(path, show(text), `a range from /${shortest} to /${longest}`))
    }
    if (!privateRanges.some(outer => contains(outer, range))) {
      mistakes.push(
        mistake(
          path,
          show(text),
          'private addresses: in 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10',
        ),
      )
    }
    if (cloud === 'azure' && azureOwn.some(own => overlaps(own, range))) {
      mistakes.push(mistake(path, show(text), 'a range outside of 172.30.0.0/15, which AKS keeps for itself'))
    }
    if (use === 'pods') mistakes.push(...podsFit(config, cloud, named))
  }
  return mistakes
}

function podsFit(config: unknown, cloud: CloudName, pods: NamedRange): Mistake[] {
  const most = ['nodes', 'gpuNodes']
    .map(pool => valueAt(config, ['clouds', cloud, pool, 'max']))
    .filter(max => typeof max === 'number')
    .reduce((sum, max) => sum + max, 0)
  const room = Math.floor(sizeOf(pods.range) / podAddressesPerNode[cloud])
  if (most <= room) return []
  return [
    mistake(
      pods.path,
      `${show(pods.text)}, room for the pods of ${room} nodes`,
      `a larger range: nodes.max and gpuNodes.max are ${most} together`,
    ),
  ]
}

function rangesOverlap(config: unknown, clouds: readonly CloudName[]): Mistake[] {
  const ranges = clouds.flatMap(cloud =>
    ['cidr', 'pods', 'services']
      .map(use => namedRange(config, ['clouds', cloud, 'network', use]))
      .filter(range => range !== undefined),
  )
  return ranges.flatMap((later, index) =>
    ranges
      .slice(0, index)
      .filter(earlier => overlaps(earlier.range, later.range))
      .map(earlier =>
        mistake(
          later.path,
          show(later.text),
          `a range that shares no address with ${earlier.path.join('.')} (${earlier.text})`,
        ),
      ),
  )
}

function namedRange(config: unknown, path: Path): NamedRange | undefined {
  const text = valueAt(config, path)
  const range = typeof text === 'string' ? parseCidr(text) : undefined
  return typeof text === 'string' && range !== undefined ? { path, text, range } : undefined
}

function rangesOf(texts: readonly string[]): readonly Range[] {
  return texts.map(parseCidr).filter(range => range !== undefined)
}

function mistake(path: Path, found: string, allowed: string): Mistake {
  return { path, atKey: false, found, allowed }
}
