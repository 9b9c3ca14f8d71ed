import type { ToolName } from '../../../../src/tools/toolchain/toolchain.ts'
import type { Recipe } from './recipe.ts'

/** The images of kube-prometheus-stack 88.5.3, each of the version that toolchain/versions.json has. */
function image(
  repository: string,
  version: string,
  program: string,
  tool: ToolName,
  more: Pick<Partial<Recipe>, 'files' | 'workingDirectory'> = {},
): Recipe {
  const whole = `${repository}:v${version}`.replaceAll('.', '\\.')
  return {
    what: `${tool} ${version}`,
    images: `^${whole}(-distroless)?(@sha256:[0-9a-f]{64})?$`,
    programs: { [program]: tool },
    entrypoint: [program],
    user: '65534:65534',
    environment: {},
    ...more,
  }
}

const minimal = 'global: {}\n'

export const prometheusRecipes: readonly Recipe[] = [
  image('quay.io/prometheus-operator/prometheus-operator', '0.93.1', '/bin/operator', 'prometheus-operator'),
  image(
    'quay.io/prometheus-operator/prometheus-config-reloader',
    '0.93.1',
    '/bin/prometheus-config-reloader',
    'prometheus-config-reloader',
  ),
  image('quay.io/prometheus/prometheus', '3.14.0', '/bin/prometheus', 'prometheus', {
    workingDirectory: '/prometheus',
    files: async () => ({ '/etc/prometheus/prometheus.yml': minimal }),
  }),
  image('quay.io/prometheus/alertmanager', '0.34.0', '/bin/alertmanager', 'alertmanager', {
    workingDirectory: '/alertmanager',
  }),
  image(
    'registry.k8s.io/kube-state-metrics/kube-state-metrics',
    '2.20.0',
    '/kube-state-metrics',
    'kube-state-metrics',
  ),
]
