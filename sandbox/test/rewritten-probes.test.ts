import { expect, test } from 'vitest'
import { podSchema } from '../src/workloads/pod.ts'
import { withOwnProbes } from '../src/workloads/rewritten-probes.ts'

const proxyImage = 'docker.io/istio/proxyv2:1.31.0'
const isAgents = (path: string) => ({
  httpGet: { path: `/app-health/web/${path}`, port: 15_020 },
  periodSeconds: 5,
})
// As Istio's injection leaves a pod.
const injected = podSchema.parse({
  metadata: { name: 'web', namespace: 'default', uid: '1' },
  spec: {
    initContainers: [
      {
        name: 'istio-proxy',
        image: proxyImage,
        restartPolicy: 'Always',
        env: [
          {
            name: 'ISTIO_KUBE_APP_PROBERS',
            value: JSON.stringify({
              '/app-health/web/livez': { tcpSocket: { port: 8000 }, timeoutSeconds: 1 },
              '/app-health/web/readyz': { httpGet: { path: '/ready', port: 8000, scheme: 'HTTP' } },
            }),
          },
        ],
      },
    ],
    containers: [
      {
        name: 'web',
        image: 'web',
        livenessProbe: isAgents('livez'),
        readinessProbe: isAgents('readyz'),
        startupProbe: { httpGet: { path: '/health', port: 8000 } },
      },
    ],
  },
})

test('a pod whose proxy is only played is asked itself, as often as before', () => {
  const [web] = withOwnProbes(injected, image => image !== proxyImage).spec.containers
  expect(web?.livenessProbe).toMatchObject({ tcpSocket: { port: 8000 }, periodSeconds: 5 })
  expect(web?.livenessProbe?.httpGet).toBeUndefined()
  expect(web?.readinessProbe).toMatchObject({ httpGet: { path: '/ready', port: 8000 }, periodSeconds: 5 })
  expect(web?.startupProbe).toMatchObject({ httpGet: { path: '/health', port: 8000 } })
})

test('a pod whose proxy runs is asked as Istio wants it', () => {
  expect(withOwnProbes(injected, () => true)).toBe(injected)
})
