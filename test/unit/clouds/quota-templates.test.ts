import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { natZones } from '../../../src/clouds/aws/quotas.ts'
import { bootDiskGb } from '../../../src/clouds/gcp/quotas.ts'

const template = (path: string) =>
  readFileSync(join(import.meta.dirname, '../../../templates/terraform', path), 'utf8')

test('the zones with a NAT gateway are those of the template', () => {
  const text = template('aws/foundation/locals.tf')
  const zones = [...text.matchAll(/^ {4}(dev|staging|prod) = \{\n\s+nat_zones\s+= \[([^\]]*)\]/gm)]
  expect(Object.fromEntries(zones.map(([, name, list]) => [name, list?.split(',').length]))).toEqual(natZones)
})

test('boot disks are as large as in the template', () => {
  const pools = template('gcp/cluster/nodes.tf').split('resource "google_container_node_pool" ').slice(1)
  const sizes = pools.map(text => [
    /^"(\w+)"/.exec(text)?.[1],
    Number(/disk_size_gb\s+= (\d+)/.exec(text)?.[1]),
  ])
  expect(Object.fromEntries(sizes)).toEqual(bootDiskGb)
})
