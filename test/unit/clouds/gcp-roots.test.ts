import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { RootName } from '../../../src/clouds/cloud.ts'
import { createGcpCloud } from '../../../src/clouds/gcp/gcp-cloud.ts'
import { labelValue } from '../../../src/clouds/gcp/platform.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { platformId } from '../../../src/config/names.ts'

const config = defaultSandboxConfig()
const target = {
  account: 'my-project',
  environment: {},
  endpoints: {},
  backend: { storage_custom_endpoint: 'https://x/' },
}
const cloud = createGcpCloud({ config, target, caFile: undefined, platformId: platformId(config) })

/** Variables a root declares, and those of them that have no default. */
function declared(root: RootName): { readonly all: readonly string[]; readonly required: readonly string[] } {
  const source = readFileSync(`templates/terraform/gcp/${root}/variables.tf`, 'utf8')
  const blocks = source.split(/^variable /m).slice(1)
  const nameOf = (block: string) => /^"(\w+)"/.exec(block)?.[1] ?? ''
  return {
    all: blocks.map(nameOf),
    required: blocks.filter(block => !/^ {2}default\b/m.test(block)).map(nameOf),
  }
}

describe("Google Cloud's terraform roots", () => {
  it.each<RootName>(['foundation', 'cluster'])('%s gets every variable it needs and none it lacks', root => {
    const foundation = { network: { id: 'n' }, cluster_key: 'k', service_accounts: {} }
    const given = Object.keys(cloud.variables(root, foundation))
    const { all, required } = declared(root)
    expect(given.filter(name => !all.includes(name))).toEqual([])
    expect(required.filter(name => !given.includes(name))).toEqual([])
  })

  it('keep their states apart, without a credential in the backend', () => {
    const [foundation, cluster] = [cloud.backend('foundation'), cloud.backend('cluster')]
    expect(foundation.config['prefix']).not.toBe(cluster.config['prefix'])
    expect(foundation.config['bucket']).toBe(cluster.config['bucket'])
    expect(Object.keys(foundation.config).sort()).toEqual(['bucket', 'prefix', 'storage_custom_endpoint'])
  })

  it('carry labels that Google takes, whoever the owner is', () => {
    fc.assert(
      fc.property(fc.string(), owner => {
        expect(labelValue(owner)).toMatch(/^[a-z0-9_-]{0,63}$/)
      }),
    )
  })

  it('bind each service account of the templates to an identity of the project', () => {
    const bindings = readFileSync('templates/terraform/gcp/cluster/bindings.tf', 'utf8')
    const { serviceAccounts } = cloud.workloadIdentity({})
    expect(serviceAccounts).toHaveLength(5)
    for (const { namespace, name, annotations } of serviceAccounts) {
      expect(bindings).toContain(`"${namespace}/${name}"`)
      expect(annotations['iam.gke.io/gcp-service-account']).toMatch(
        /^[a-z][a-z0-9-]{4,28}[a-z0-9]@my-project\.iam\.gserviceaccount\.com$/,
      )
    }
  })
})
