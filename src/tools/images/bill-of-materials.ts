import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import { lockedPackages } from './locked-packages.ts'
import type { Platform } from './service-images.ts'

/** npm's account of what it put into a folder. */
const installedSchema = z.object({
  packages: z.record(
    z.string(),
    z.object({
      version: z.string().optional(),
      integrity: z.string().optional(),
      license: z.string().optional(),
      link: z.boolean().default(false),
      os: z.array(z.string()).default([]),
      cpu: z.array(z.string()).default([]),
    }),
  ),
})
type Packages = z.output<typeof installedSchema>['packages']

export interface BillSubject {
  readonly name: string
  readonly version: string
  readonly nodeVersion: string | undefined
}

/**
 * CycloneDX 1.6 (https://cyclonedx.org/docs/1.6/json) of the packages that npm installed into `folder`: what is in
 * the image, not what the lock file would allow. Without times and serial numbers: the same image, the same bill.
 */
export async function billOfMaterials(folder: string, subject: BillSubject): Promise<object> {
  const text = await readFile(join(folder, 'node_modules', '.package-lock.json'), 'utf8')
  return bill(installedSchema.parse(JSON.parse(text)).packages, subject)
}

/** The same where nobody here installed anything: of what the lock file has for this service and platform. */
export function billOfLocked(
  lock: string,
  platform: Platform,
  subject: Omit<BillSubject, 'nodeVersion'>,
): object {
  const cpu = platform === 'linux/arm64' ? 'arm64' : 'x64'
  const entries = lockedPackages(lock, `services/${subject.name}`)
  const { packages } = installedSchema.parse({
    packages: Object.fromEntries(entries.map(([path, entry]) => [path, JSON.parse(entry)])),
  })
  const fits = (wanted: readonly string[], own: string) => wanted.length === 0 || wanted.includes(own)
  const here = Object.entries(packages).filter(([, each]) => fits(each.os, 'linux') && fits(each.cpu, cpu))
  return bill(Object.fromEntries(here), { ...subject, nodeVersion: undefined })
}

function bill(packages: Packages, subject: BillSubject): object {
  const components = Object.entries(packages).flatMap(([path, { version, integrity, license, link }]) => {
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (link || version === undefined || !path.includes('node_modules/')) return []
    const sha512 = /^sha512-(\S+)/.exec(integrity ?? '')?.[1]
    return [
      {
        type: 'library',
        'bom-ref': path,
        name,
        version,
        purl: `pkg:npm/${name.replace('@', '%40')}@${version}`,
        ...(sha512 === undefined
          ? {}
          : { hashes: [{ alg: 'SHA-512', content: Buffer.from(sha512, 'base64').toString('hex') }] }),
        ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
      },
    ]
  })
  const { name, version, nodeVersion } = subject
  return {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: { component: { type: 'application', 'bom-ref': name, name, version } },
    components: [
      ...(nodeVersion === undefined
        ? []
        : [{ type: 'platform', 'bom-ref': 'node', name: 'node', version: nodeVersion }]),
      ...components,
    ],
  }
}
