import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { EventBody } from '../../../../src/engine/events.ts'
import { createToolchain } from '../../../../src/tools/toolchain/create-toolchain.ts'
import { type Pin, type Pins, toolNames } from '../../../../src/tools/toolchain/versions.ts'

/** A machine with nothing on it: an own PATH, cache and package, in a folder that goes with the test. */
export interface World extends AsyncDisposable {
  readonly packageRoot: string
  readonly bin: string
  readonly cache: string
  readonly environment: Record<string, string | undefined>
  readonly events: EventBody[]
  pin(changes: { readonly [Tool in keyof Pins]?: Partial<Pin> }): Promise<void>
  /** An executable on the world's PATH. */
  script(name: string, text: string): Promise<string>
  toolchain(): ReturnType<typeof createToolchain>
  /** Every file in the cache but its locks and remembered answers. */
  cached(): Promise<readonly string[]>
}

const nothing: Pin = { version: '1.2.3', accept: { from: '1.2.0', below: '2.0.0' }, downloads: {} }

export async function createWorld(): Promise<World> {
  const root = await mkdtemp(join(tmpdir(), 'mlp-tools-'))
  const packageRoot = join(root, 'package')
  const bin = join(root, 'bin')
  const cache = join(root, 'cache')
  await mkdir(join(packageRoot, 'toolchain', 'go'), { recursive: true })
  await mkdir(bin)
  const environment = { PATH: `${bin}:/usr/bin:/bin`, HOME: process.env['HOME'], MLP_TOOLS_CACHE: cache }
  const events: EventBody[] = []
  return {
    packageRoot,
    bin,
    cache,
    environment,
    events,
    async pin(changes) {
      const tools = Object.fromEntries(toolNames.map(name => [name, { ...nothing, ...changes[name] }]))
      await writeFile(join(packageRoot, 'toolchain', 'versions.json'), JSON.stringify({ tools }))
    },
    async script(name, text) {
      const file = join(bin, name)
      await writeFile(file, `#!/bin/sh\n${text}\n`)
      await chmod(file, 0o755)
      return file
    },
    toolchain: () => createToolchain({ packageRoot, environment, emit: event => events.push(event) }),
    async cached() {
      try {
        const files = await readdir(cache, { recursive: true, withFileTypes: true })
        return files
          .filter(file => file.isFile())
          .map(file => join(file.parentPath, file.name).slice(cache.length + 1))
          .filter(name => !name.startsWith('locks/') && name !== 'versions-on-path.json')
          .toSorted()
      } catch {
        return []
      }
    },
    async [Symbol.asyncDispose]() {
      await rm(root, { recursive: true, force: true })
    },
  }
}

export async function listen(handler: RequestListener): Promise<AsyncDisposable & { readonly url: string }> {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('the server has no port')
  return {
    url: `http://127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

/** The same release file for every platform, so that the tests run on each. */
export function release(url: string, content: Buffer, member?: string): Pin['downloads'] {
  const file = {
    url,
    sha256: createHash('sha256').update(content).digest('hex'),
    ...(member === undefined ? {} : { member }),
  }
  return { 'linux/amd64': file, 'linux/arm64': file, 'darwin/amd64': file, 'darwin/arm64': file }
}
