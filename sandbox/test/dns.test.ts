import { Resolver } from 'node:dns/promises'
import { CreateHostedZoneCommand, Route53Client } from '@aws-sdk/client-route-53'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { createPlatform as azurePlatform } from '../../src/clouds/azure/platform.ts'
import type { CloudName } from '../../src/clouds/cloud.ts'
import { createPlatform as gcpPlatform } from '../../src/clouds/gcp/platform.ts'
import { platformId } from '../../src/config/names.ts'
import { dnsChecks } from '../../src/phases/4-mesh/dns-checks.ts'
import { dnsStep } from '../../src/phases/4-mesh/dns-step.ts'
import type { Context } from '../../src/phases/phase.ts'
import { eventually } from '../../test/support/processes.ts'
import { awsBalancer, type DnsFixture, dnsConfig, domain, startDns } from './dns-fixture.ts'

/*
 * The step, its checks and its undo against each cloud's simulated DNS: official SDK or REST API, a real name server,
 * and health checks that really ask. Clusters are stand-ins with a gateway each.
 */

const signal = AbortSignal.timeout(600_000)
const minute = 60_000
const progress = { report: () => {} }
let dns: DnsFixture
let resolver: Resolver

beforeAll(async () => {
  dns = await startDns()
  resolver = new Resolver({ timeout: 5_000, tries: 4 })
  resolver.setServers([dns.nameServer])
}, 2 * minute)
afterAll(async () => dns?.[Symbol.asyncDispose](), minute)

/** A zone as an operator makes it, by the cloud's own API. */
async function makeZone(cloud: CloudName): Promise<void> {
  const config = dnsConfig(cloud)
  const target = dns.context(config).target.clouds[cloud]
  if (target === undefined) throw new Error('no target')
  const options = { config, target, caFile: undefined, platformId: platformId(config) }
  if (cloud === 'aws') {
    const { environment } = target
    const client = new Route53Client({
      region: 'us-east-1',
      endpoint: target.endpoints['aws'] ?? '',
      credentials: {
        accessKeyId: environment['AWS_ACCESS_KEY_ID'] ?? '',
        secretAccessKey: environment['AWS_SECRET_ACCESS_KEY'] ?? '',
      },
    })
    await client.send(new CreateHostedZoneCommand({ Name: 'example.com', CallerReference: 'test' }))
  } else if (cloud === 'gcp') {
    const { rest, project } = gcpPlatform(options)
    const body = { name: 'example-com', dnsName: 'example.com.', description: '' }
    const path = `/dns/v1/projects/${project}/managedZones`
    await rest.call({ method: 'POST', service: 'dns', path, body, answer: z.looseObject({}) }, signal)
  } else {
    const { arm, subscriptionId, names } = azurePlatform(options)
    const client = await arm()
    for (const namespace of ['Microsoft.Network'])
      await client.post(
        `/subscriptions/${subscriptionId}/providers/${namespace}/register`,
        '2021-04-01',
        signal,
      )
    const group = (name: string) => `/subscriptions/${subscriptionId}/resourceGroups/${name}`
    for (const name of ['dns', names.resourceGroup])
      await client.put(group(name), '2024-03-01', { location: 'eastus' }, signal)
    const zone = `${group('dns')}/providers/Microsoft.Network/dnsZones/example.com`
    await client.put(zone, '2018-05-01', { location: 'global' }, signal)
  }
}

function recordsIn(cloud: CloudName): readonly string[] {
  return dns.store
    .zones(cloud)
    .flatMap(zone => dns.store.entries(zone))
    .filter(({ type }) => type !== 'NS' && type !== 'SOA')
    .map(({ name, type }) => `${name} ${type}`)
    .sort()
}

async function check(context: Context, cloud: CloudName, name: 'dns' | 'failover') {
  const found = dnsChecks(cloud).find(({ id }) => id === `4.${cloud}.${name}`)
  if (found === undefined) throw new Error(`no check ${name}`)
  return await found.run(context)
}

const addresses = { aws: '198.19.7.1', gcp: '198.19.7.2', azure: '198.19.7.3' } as const

/** Which gateways the global name leads to, of as many answers as go around more than once. */
async function ledTo(): Promise<readonly string[]> {
  const answers = new Set<string>()
  for (let count = 0; count < 9; count++)
    for (const address of await resolver.resolve4(domain)) answers.add(address)
  return [...answers].sort()
}

describe.each(['aws', 'gcp', 'azure'] as const)('a zone in the DNS of %s', cloud => {
  const config = dnsConfig(cloud)
  const step = dnsStep(config)

  test(
    'that is not there is told, and nothing is made',
    async () => {
      const context = dns.context(config)
      expect(await step.status(context)).toMatchObject({ state: 'absent', why: 'there is no such zone' })
      await expect(step.apply(context, progress)).rejects.toMatchObject({ code: 'MLP4081' })
      expect(await check(context, cloud, 'dns')).toMatchObject({ status: 'fail' })
      expect(await step.undo?.(context, progress)).toEqual({ removed: [], kept: [], left: [] })
    },
    minute,
  )

  test(
    'gets a name for each cloud and one for all, and a second run changes nothing',
    async () => {
      await makeZone(cloud)
      const context = dns.context(config)
      expect(await step.status(context)).toEqual({ state: 'absent' })
      const planned = await step.plan?.(context)
      expect(planned?.map(({ subject, action }) => `${action} ${subject}`)).toEqual([
        ...['aws', 'gcp', 'azure'].map(name => `create ${name}.${domain}`),
        `create ${domain}`,
      ])
      await step.apply(context, progress)
      expect(await step.status(context)).toMatchObject({ state: 'present' })
      expect(await step.plan?.(context)).toEqual([])
      const before = dns.harness.world.store.all()
      await step.apply(context, progress)
      expect(dns.harness.world.store.all()).toEqual(before)
      expect(await resolver.resolveCname(`aws.${domain}`)).toEqual([awsBalancer])
      expect(await resolver.resolve4(`gcp.${domain}`)).toEqual([addresses.gcp])
      expect(await resolver.resolveTxt(`_mlp.azure.${domain}`)).toEqual([
        [`mlp.dev/platform-id=${platformId(config)}`],
      ])
    },
    minute,
  )

  test(
    'leads to healthy clouds only: away from a gateway that is down, and back to it',
    async () => {
      const context = dns.context(config)
      expect(await check(context, cloud, 'dns')).toMatchObject({ status: 'pass' })
      const all = Object.values(addresses).sort()
      expect(
        await eventually(
          'all gateways healthy',
          async () => ((await settled(3)) ? await ledTo() : undefined),
          minute,
        ),
      ).toEqual(all)
      // Cloud DNS tells of no health: what it answers is all there is.
      const expected = cloud === 'gcp' ? 'warn' : 'pass'
      // What was asked about for another test's zone may still be known: only the check says that all of these are.
      await expect
        .poll(() => check(context, cloud, 'failover'), { timeout: minute })
        .toMatchObject({ status: expected })
      await dns.setGateway('gcp', 'down')
      const without = [addresses.aws, addresses.azure].sort()
      await eventually(
        'the global name leads past gcp',
        async () => (await ledTo()).join() === without.join() || undefined,
        minute,
      )
      const finding = await check(context, cloud, 'failover')
      expect(finding, finding.detail).toMatchObject({ status: cloud === 'gcp' ? 'warn' : 'fail' })
      expect(finding.detail).toContain('leads to aws, azure')
      if (cloud !== 'gcp') expect(finding.detail).toContain('gcp unhealthy')
      await dns.setGateway('gcp', 'up')
      await eventually(
        'the global name leads to gcp again',
        async () => (await ledTo()).join() === all.join() || undefined,
        minute,
      )
    },
    4 * minute,
  )

  test(
    'what somebody changes is seen and put right',
    async () => {
      const context = dns.context(config)
      const [zone] = dns.store.zones(cloud)
      const entry = zone && dns.store.entries(zone).find(({ name }) => name === `gcp.${domain}`)
      if (entry === undefined) throw new Error('no record')
      const shown =
        cloud === 'gcp'
          ? { ...entry.shown, rrdatas: ['203.0.113.9'] }
          : cloud === 'aws'
            ? { values: ['203.0.113.9'] }
            : {}
      dns.store.putEntry({ ...entry, choices: [{ weight: 1, values: ['203.0.113.9'] }], shown })
      expect(await step.status(context)).toMatchObject({ state: 'drifted' })
      expect(await check(context, cloud, 'dns')).toMatchObject({ status: 'fail' })
      await step.apply(context, progress)
      expect(await step.status(context)).toMatchObject({ state: 'present' })
    },
    minute,
  )

  test(
    'a teardown of one cloud takes only that one out',
    async () => {
      const others = (['aws', 'gcp', 'azure'] as const).filter(name => name !== cloud)
      await step.undo?.(dns.context(config, { only: [cloud] }), progress)
      expect(recordsIn(cloud).filter(record => record.includes(`${cloud}.${domain}`))).toEqual([])
      for (const other of others) expect(recordsIn(cloud).join()).toContain(`_mlp.${other}.${domain} TXT`)
      await expect.poll(ledTo, { timeout: minute }).toEqual(others.map(name => addresses[name]).sort())
      await step.apply(dns.context(config), progress)
      expect(await step.status(dns.context(config))).toMatchObject({ state: 'present' })
    },
    minute,
  )

  test(
    'a cloud that is configured no longer loses its name',
    async () => {
      const gone = cloud === 'azure' ? 'gcp' : 'azure'
      const { [gone]: _gone, ...clouds } = config.clouds
      const fewer = { ...config, clouds }
      const context = dns.context(fewer)
      expect(await step.status(context)).toMatchObject({ state: 'drifted' })
      await step.apply(context, progress)
      expect(await step.status(context)).toMatchObject({ state: 'present' })
      expect(recordsIn(cloud).join()).not.toContain(`${gone}.${domain}`)
      expect(await ledTo()).not.toContain(addresses[gone])
    },
    minute,
  )

  test(
    'the whole teardown leaves the zone as it was, and no health check',
    async () => {
      const undone = await step.undo?.(dns.context(config), progress)
      expect(undone?.left).toEqual([])
      expect(undone?.removed.length).toBeGreaterThan(4)
      expect(recordsIn(cloud)).toEqual([])
      expect([dns.store.checks(), dns.store.profiles()]).toEqual([[], []])
      expect(await step.status(dns.context(config))).toEqual({ state: 'absent' })
    },
    minute,
  )

  test(
    'what is somebody else’s stays: refused, or taken over with consent and kept by teardown',
    async () => {
      const [zone] = dns.store.zones(cloud)
      if (zone === undefined) throw new Error('no zone')
      const values = ['203.0.113.9']
      const foreign = {
        ...{ cloud, zone: zone.id, name: `azure.${domain}`, type: 'A', set: '', ttl: 300 },
        choices: [{ weight: 1, values }],
        shown:
          cloud === 'gcp'
            ? {
                kind: 'dns#resourceRecordSet',
                name: `azure.${domain}.`,
                type: 'A',
                ttl: 300,
                rrdatas: values,
              }
            : cloud === 'aws'
              ? { values }
              : {},
      }
      dns.store.putEntry(foreign)
      const before = recordsIn(cloud)
      await expect(step.apply(dns.context(config), progress)).rejects.toMatchObject({ code: 'MLP4082' })
      expect(recordsIn(cloud)).toEqual(before)
      await step.apply(dns.context(config, { adopt: true }), progress)
      expect(await step.status(dns.context(config))).toMatchObject({ state: 'present' })
      const undone = await step.undo?.(dns.context(config), progress)
      expect(undone?.kept).toMatchObject([{ name: `azure.${domain}`, reason: 'it was there before mlp' }])
      expect(recordsIn(cloud)).toEqual([`azure.${domain} A`])
      const global = {
        ...foreign,
        name: domain,
        shown: cloud === 'gcp' ? { ...foreign.shown, name: `${domain}.` } : foreign.shown,
      }
      dns.store.putEntry(global)
      await expect(step.apply(dns.context(config, { adopt: true }), progress)).rejects.toMatchObject({
        code: 'MLP4082',
      })
      for (const entry of dns.store.entries(zone)) dns.store.deleteEntry(entry)
      dns.store.deleteZone(zone)
    },
    minute,
  )
})

/** Whether the health of so many is known and good. */
async function settled(count: number): Promise<boolean> {
  const states = dns.store.knownHealth().map(id => dns.store.health(id)?.healthy)
  return states.length >= count && states.every(state => state === true)
}
