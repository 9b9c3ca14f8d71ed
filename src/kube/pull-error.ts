import { MlpError } from '../engine/errors.ts'
import type { PodTrouble } from './pod-trouble.ts'

/** MLP4030: what the registry or the node said, and what is to be done first; `then` follows. */
export function cannotPull(
  subject: string,
  cloud: string,
  { pod, reason, message }: PodTrouble,
  then: readonly string[],
): MlpError {
  return new MlpError({
    code: 'MLP4030',
    summary: `${subject}: the image of ${pod} cannot be pulled (${reason})`,
    detail: message,
    remedy: [pullRemedy(cloud, message), ...then],
  })
}

/** By what the registry, or the node, said; where that is nothing plain, it is the right that is missing most often. */
function pullRemedy(cloud: string, said: string): string {
  if (/\b40[13]\b|denied|unauthorized|forbidden/i.test(said)) return pullRight(cloud)
  if (/not found|manifest unknown|name unknown/i.test(said))
    return `The registry does not have it. The services’ own images are pushed by: mlp phase 3 --cloud ${cloud}. Others come from where mlp.yaml says (mesh.imageRegistry, monitoring.imageRegistry), else from their official registries.`
  if (/no such host|timeout|connection refused|unreachable/i.test(said))
    return 'The nodes do not reach the registry: see to their way out (NAT, routes, private endpoints, DNS).'
  return pullRight(cloud)
}

/** Who pulls is the node, by its own identity. */
function pullRight(cloud: string): string {
  const right =
    {
      aws: 'AmazonEC2ContainerRegistryPullOnly on the nodes’ role',
      gcp: 'roles/artifactregistry.reader on the nodes’ service account',
      azure: 'AcrPull on the kubelet’s identity',
    }[cloud] ?? 'the right to pull'
  return `The nodes need ${right}; phase 1 grants it: mlp bootstrap --to 1 --cloud ${cloud}`
}
