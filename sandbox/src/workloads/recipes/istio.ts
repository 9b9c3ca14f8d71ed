import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { ApiClient } from '../../kubernetes/api-client.ts'
import type { Container, Pod } from '../pod.ts'
import type { Recipe } from './recipe.ts'

/** Equal to toolchain/versions.json: a pod of another version is no pod of this program. */
const version = '1.31.0'
const hubs = ['docker\\.io/istio', 'registry\\.istio\\.io/release', 'gcr\\.io/istio-release'].join('|')
const reference = (name: string) =>
  `^(${hubs})/${name}:${version.replaceAll('.', '\\.')}(-(distroless|debug))?$`

/** https://github.com/istio/istio/blob/1.31.0/pilot/docker/Dockerfile.pilot */
const pilot: Recipe = {
  what: `istiod ${version}`,
  images: reference('pilot'),
  programs: { '/usr/local/bin/pilot-discovery': 'pilot-discovery' },
  entrypoint: ['/usr/local/bin/pilot-discovery'],
  user: '1337:1337',
  environment: {
    // Filters of Istio's own Envoy that the plain one does not know.
    PILOT_ENABLE_METADATA_EXCHANGE: 'false',
    PILOT_ENABLE_ALPN_FILTER: 'false',
  },
  prepare: withoutStats,
}

/** https://github.com/istio/istio/blob/1.31.0/pilot/docker/Dockerfile.proxyv2 */
const proxy: Recipe = {
  what: `Istio's proxies ${version}, with a plain Envoy`,
  images: reference('proxyv2'),
  programs: { '/usr/local/bin/pilot-agent': 'pilot-agent', '/usr/local/bin/envoy': 'envoy' },
  files: async () => ({ '/var/lib/istio/envoy/envoy_bootstrap_tmpl.json': await bootstrap() }),
  entrypoint: ['/usr/local/bin/pilot-agent'],
  user: '1337:1337',
  environment: { ISTIO_META_ISTIO_PROXY_SHA: 'envoy:1.40.0' },
  needsRedirection: true,
  plays: writesRules,
}

export const istioRecipes: readonly Recipe[] = [pilot, proxy]

/** Istio's own tools/packaging/common/envoy_bootstrap.json, with one addition that it names. */
function bootstrap(): Promise<string> {
  return readFile(fileURLToPath(new URL('istio-envoy-bootstrap.tmpl', import.meta.url)), 'utf8')
}

/** The metrics filter `istio.stats` is Istio's own Envoy's, too; without it proxies have no istio_* metrics. */
async function withoutStats(pod: Pod, client: ApiClient): Promise<void> {
  // It goes with the istiod that it is for: nobody who removes Istio knows of it.
  const owners = pod.metadata['ownerReferences']
  await client.apply({
    apiVersion: 'telemetry.istio.io/v1',
    kind: 'Telemetry',
    metadata: {
      name: 'sandbox-without-istio-stats',
      namespace: pod.metadata.namespace,
      ...(Array.isArray(owners) ? { ownerReferences: owners } : {}),
    },
    spec: {
      metrics: [
        {
          providers: [{ name: 'prometheus' }],
          overrides: [{ match: { metric: 'ALL_METRICS', mode: 'CLIENT_AND_SERVER' }, disabled: true }],
        },
      ],
    },
  })
}

/** istio-init, where istio-cni is not used: the rules that it would write are the sandbox's to write. */
function writesRules(container: Container): string | undefined {
  const [command, ...args] = container.args
  if (command !== 'istio-iptables' || args.includes('--skip-rule-apply')) return undefined
  return 'Nothing runs in this container: the sandbox has redirected the traffic itself'
}
