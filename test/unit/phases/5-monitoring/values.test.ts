import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { defaultSandboxConfig } from '../../../../src/config/defaults.ts'
import { platformId } from '../../../../src/config/names.ts'
import type { Config } from '../../../../src/config/schema.ts'
import { monitoringPhase } from '../../../../src/phases/5-monitoring/index.ts'
import { alertmanagerConfig, receiverKeys } from '../../../../src/phases/5-monitoring/receivers.ts'
import { chartValues } from '../../../../src/phases/5-monitoring/values.ts'

const templates = fileURLToPath(new URL('../../../../templates', import.meta.url))
const receivers = {
  slack: { secret: 'SLACK_URL', channel: '#ml-platform' },
  pagerduty: { secret: 'PAGERDUTY_KEY' },
  email: { to: 'a@example.com', from: 'b@example.com', smarthost: 'mail.example.com:587' },
  webhook: { secret: 'HOOK_URL' },
  watchdog: { secret: 'WATCHDOG_URL' },
}

async function valuesOf(config: Config, cloud: 'aws' | 'gcp' = 'aws') {
  const context = { config, platformId: platformId(config), templates, platformFolder: '/nowhere' }
  return parse(await chartValues(context, cloud))
}

test('a cluster’s metrics say which cluster they are of, and volumes whose they are', async () => {
  const config = defaultSandboxConfig('dev')
  const { prometheus, alertmanager } = await valuesOf(config)
  const spec = prometheus.prometheusSpec
  expect(spec.externalLabels).toEqual({ cluster: 'aws-dev', cloud: 'aws', environment: 'dev' })
  for (const { volumeClaimTemplate } of [spec.storageSpec, alertmanager.alertmanagerSpec.storage])
    expect(volumeClaimTemplate.metadata.labels['mlp.dev/platform-id']).toBe(platformId(config))
  expect(spec.persistentVolumeClaimRetentionPolicy.whenDeleted).toBe('Retain')
})

test('managed control planes are not asked for what they never show', async () => {
  const values = await valuesOf(defaultSandboxConfig('dev'))
  for (const part of ['kubeEtcd', 'kubeScheduler', 'kubeControllerManager', 'kubeProxy'])
    expect(values[part].enabled, part).toBe(false)
  expect(values.coreDns.enabled).toBe(true)
  expect((await valuesOf(defaultSandboxConfig('dev'), 'gcp')).coreDns.enabled).toBe(false)
})

test('mlp.yaml decides retention and volume, and metrics never fill their volume', async () => {
  const config = { ...defaultSandboxConfig('prod'), monitoring: { retention: '3d', storage: '10Gi' } }
  const { prometheusSpec } = (await valuesOf(config)).prometheus
  expect(prometheusSpec.retention).toBe('3d')
  expect(prometheusSpec.retentionSize).toBe('8GB')
  expect(prometheusSpec.storageSpec.volumeClaimTemplate.spec.resources.requests.storage).toBe('10Gi')
  expect(prometheusSpec.replicas).toBe(2)
})

test('secrets of receivers are files that Alertmanager reads, never values', async () => {
  const config = { ...defaultSandboxConfig('dev'), monitoring: { receivers } }
  expect(receiverKeys(config)).toEqual([
    { key: 'slack', variable: 'SLACK_URL', of: 'the receiver slack' },
    { key: 'pagerduty', variable: 'PAGERDUTY_KEY', of: 'the receiver pagerduty' },
    { key: 'webhook', variable: 'HOOK_URL', of: 'the receiver webhook' },
    { key: 'watchdog', variable: 'WATCHDOG_URL', of: 'the receiver watchdog' },
  ])
  const { alertmanager } = await valuesOf(config)
  expect(alertmanager.alertmanagerSpec.secrets).toEqual(['alert-receivers'])
  const text = JSON.stringify(alertmanager.config)
  for (const key of ['slack', 'pagerduty', 'webhook', 'watchdog'])
    expect(text).toContain(`"/etc/alertmanager/secrets/alert-receivers/${key}"`)
})

test('every route ends at a receiver there is, with receivers and without', () => {
  for (const monitoring of [{}, { receivers }]) {
    const { route, receivers: named } = alertmanagerConfig({ monitoring }) as {
      route: { receiver: string; routes: { receiver: string }[] }
      receivers: { name: string }[]
    }
    const names = named.map(({ name }) => name)
    for (const receiver of [route.receiver, ...route.routes.map(each => each.receiver)])
      expect(names).toContain(receiver)
  }
})

test('each cluster sends its metrics to one place, if there is one, by a secret that no value holds', async () => {
  const url = 'https://metrics.example.com/api/v1/write'
  const sent = async (fleet: NonNullable<NonNullable<Config['monitoring']>['fleet']>) =>
    (await valuesOf({ ...defaultSandboxConfig('dev'), monitoring: { fleet } })).prometheus.prometheusSpec
      .remoteWrite
  expect((await valuesOf(defaultSandboxConfig('dev'))).prometheus.prometheusSpec).not.toHaveProperty(
    'remoteWrite',
  )
  expect(await sent({ url })).toEqual([{ name: 'fleet', url }])
  expect(await sent({ url, secret: 'FLEET_TOKEN' })).toEqual([
    {
      name: 'fleet',
      url,
      authorization: { type: 'Bearer', credentials: { name: 'remote-write', key: 'secret' } },
    },
  ])
  expect(await sent({ url, username: 'us', secret: 'FLEET_TOKEN' })).toEqual([
    {
      name: 'fleet',
      url,
      basicAuth: {
        username: { name: 'remote-write', key: 'username' },
        password: { name: 'remote-write', key: 'secret' },
      },
    },
  ])
})

test('the steps of a cloud: secrets before the release that mounts them', () => {
  const steps = monitoringPhase.steps(defaultSandboxConfig('dev')).filter(({ cloud }) => cloud === 'aws')
  expect(steps.slice(0, 2).map(({ id }) => id)).toEqual(['5.aws.secrets', '5.aws.stack'])
  expect(steps[1]?.needs).toContain('5.aws.secrets')
})
