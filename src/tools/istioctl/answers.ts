import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'

/** One message of `istioctl analyze`. */
export interface AnalysisMessage {
  /** IST0101 */
  readonly code: string
  readonly level: 'Error' | 'Warning' | 'Info'
  /** `VirtualService ml-platform/api-gateway-vs` */
  readonly origin: string
  readonly message: string
}

/** A cluster that one istiod knows. */
export interface RemoteCluster {
  readonly name: string
  /** `<namespace>/<name>` of the Secret that names it; empty for the istiod's own. */
  readonly secret: string
  /** `synced`, `syncing`, `timeout`, `closed`. */
  readonly status: string
  readonly istiod: string
}

export interface ProxyStatus {
  /** `api-gateway-7d9-x2x.ml-platform` */
  readonly name: string
  /** Kinds of configuration that it has not acknowledged: `ClusterDiscoveryService STALE`. */
  readonly behind: readonly string[]
}

const analysisSchema = z
  .array(
    z.looseObject({
      code: z.string(),
      level: z.enum(['Error', 'Warning', 'Info']),
      origin: z.string().default(''),
      message: z.string(),
    }),
  )
  .nullable()

/** `istioctl analyze --output json`; undefined for anything else. */
export function parseAnalysis(stdout: string): readonly AnalysisMessage[] | undefined {
  const parsed = analysisSchema.safeParse(parseJson(stdout))
  return parsed.success ? (parsed.data ?? []) : undefined
}

const columns = ['NAME', 'SECRET', 'STATUS', 'ISTIOD'] as const

/** The table of `istioctl remote-clusters`, which knows no other form. A cell may be empty; columns stand under their titles. */
export function parseRemoteClusters(stdout: string): readonly RemoteCluster[] | undefined {
  const lines = stdout.split('\n').filter(line => line.trim() !== '')
  const header = lines.findIndex(line => columns.every(column => line.includes(column)))
  const titles = lines[header]
  if (titles === undefined) return undefined
  const starts = [...titles.matchAll(/\S+/g)].map(({ 0: title, index }) => ({ title, index }))
  const cell = (line: string, title: (typeof columns)[number]) => {
    const place = starts.findIndex(start => start.title === title)
    return line.slice(starts[place]?.index ?? 0, starts[place + 1]?.index).trim()
  }
  return lines.slice(header + 1).map(line => ({
    name: cell(line, 'NAME'),
    secret: cell(line, 'SECRET'),
    status: cell(line, 'STATUS'),
    istiod: cell(line, 'ISTIOD'),
  }))
}

const statusSchema = z.looseObject({
  resources: z
    .array(
      z.looseObject({
        node: z.looseObject({ id: z.string() }),
        genericXdsConfigs: z
          .array(z.looseObject({ typeUrl: z.string(), configStatus: z.string().default('UNKNOWN') }))
          .default([]),
      }),
    )
    .default([]),
})
/** A kind of which a proxy needs nothing is never sent, so never acknowledged either. */
const fine = new Set(['SYNCED', 'NOT_SENT', 'UNKNOWN'])

/** `istioctl proxy-status --output json`: a document an istiod, one after the other. */
export function parseProxyStatus(stdout: string): readonly ProxyStatus[] | undefined {
  const documents = stdout
    .split(/(?<=^\})$/m)
    .map(text => text.trim())
    .filter(text => text !== '')
  const proxies: ProxyStatus[] = []
  for (const document of documents) {
    const parsed = statusSchema.safeParse(parseJson(document))
    if (!parsed.success) return undefined
    for (const { node, genericXdsConfigs } of parsed.data.resources) {
      proxies.push({
        name: nameOf(node.id),
        behind: genericXdsConfigs
          .filter(({ configStatus }) => !fine.has(configStatus))
          .map(({ typeUrl, configStatus }) => `${typeUrl.split('.').at(-1)} ${configStatus}`),
      })
    }
  }
  return proxies
}

/** `sidecar~10.0.0.1~api-gateway-x.ml-platform~ml-platform.svc.cluster.local` */
function nameOf(nodeId: string): string {
  return nodeId.split('~')[2] ?? nodeId
}
