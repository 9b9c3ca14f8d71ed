import { copyFile, mkdir, readFile, realpath, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { rootCertificates } from 'node:tls'
import { MlpError } from '../../engine/errors.ts'
import { type ExecContext, runCommand } from '../exec.ts'
import { type Layer, writeLayer } from './layer.ts'
import { nodePath } from './service-images.ts'

/** Of glibc, loaded by name at run time or by native add-ons, so that `ldd` does not tell them all. */
const loadedByName = ['librt.so.1', 'libresolv.so.2', 'libnss_dns.so.2', 'libnss_files.so.2']

/** Raised when the way it is laid out changes, so that it is made again. */
const recipe = 1

/** All that decides what is in the base, without reading it: the same as long as this machine's Node and glibc are. */
export async function offlineBaseKey(context: ExecContext): Promise<string> {
  const copies = await copiesOf(context)
  const files = await Promise.all(
    copies.map(async ({ from, to }) => {
      const path = await realpath(from)
      const { size, mtimeMs } = await stat(path)
      return `${to} ${path} ${size} ${mtimeMs}`
    }),
  )
  return [recipe, offlineNodeVersion, process.arch, ...files].join('\n')
}

/**
 * A base without a registry: the Node that runs mlp, the C libraries that it needs from this machine, and what a
 * process expects to find: users, hosts, certificate authorities (Node's own), a /tmp. Linux with glibc only. It is as
 * patched as this machine is, and its labels say where it comes from. Throws MLP2203 where it cannot be made.
 */
export async function writeOfflineBase(
  context: ExecContext,
  blobs: string,
  scratch: string,
): Promise<{ readonly layers: readonly Layer[]; readonly environment: readonly string[] }> {
  const root = join(scratch, 'base')
  for (const { from, to } of await copiesOf(context)) await place(root, from, to)
  const texts = {
    'etc/passwd':
      'root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/home/nonroot:/sbin/nologin\n',
    'etc/group': 'root:x:0:\nnonroot:x:65532:\n',
    'etc/nsswitch.conf': 'hosts: files dns\n',
    'etc/ssl/certs/ca-certificates.crt': `${rootCertificates.join('\n')}\n`,
  }
  for (const [path, text] of Object.entries(texts)) {
    await mkdir(join(root, dirname(path)), { recursive: true })
    await writeFile(join(root, path), text)
  }
  for (const folder of ['dev', 'home/nonroot', 'proc', 'sys', 'tmp'])
    await mkdir(join(root, folder), { recursive: true })
  const layer = await writeLayer(blobs, [{ folder: root, at: '', modes: { tmp: 0o1777 } }])
  return {
    layers: [layer],
    environment: ['PATH=/nodejs/bin', 'SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt'],
  }
}

async function copiesOf(context: ExecContext) {
  return [{ from: process.execPath, to: nodePath }, ...(await librariesOf(context, process.execPath))]
}

async function librariesOf(context: ExecContext, binary: string) {
  if (process.platform !== 'linux') throw notHere(`This machine runs ${process.platform}.`)
  const { stdout } = await runCommand(context, { file: 'ldd', args: [binary] })
  // `libm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`
  const found = stdout
    .split('\n')
    .flatMap(line => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1] ?? [])
    .filter(path => path !== binary)
  const libc = found.find(path => /\/libc\.so\.6$/.test(path))
  if (libc === undefined) throw notHere(`ldd names no glibc for ${binary}.`)
  const more = await Promise.all(
    loadedByName.map(async name => {
      const path = join(dirname(libc), name)
      return (await realpath(path).catch(() => undefined)) === undefined ? [] : [path]
    }),
  )
  return [...new Set([...found, ...more.flat()])].map(path => ({ from: path, to: path }))
}

async function place(root: string, from: string, to: string): Promise<void> {
  const target = join(root, to)
  await mkdir(dirname(target), { recursive: true })
  await copyFile(await realpath(from), target)
}

/** The version of the Node that is in the base. */
export const offlineNodeVersion = process.versions.node

function notHere(detail: string): MlpError {
  return new MlpError({
    code: 'MLP2203',
    summary: 'The base image cannot be reached, and none can be made here',
    detail: `${detail} Without the base’s registry mlp makes a base from this machine’s Node and glibc.`,
    remedy: ['Run mlp where the base’s registry can be reached (see ARG BASE in services/*/Dockerfile).'],
  })
}

/** Which libc and which Node an offline base was made of, for its label. */
export async function offlineBaseName(): Promise<string> {
  const release = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const system = /^PRETTY_NAME="?([^"\n]*)/m.exec(release)?.[1] ?? 'an unknown system'
  return `offline: node ${offlineNodeVersion} and the glibc of ${system}`
}
