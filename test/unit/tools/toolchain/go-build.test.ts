import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { access, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createWorld, listen, release, type World } from './world.ts'

// Every test starts processes, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const run = promisify(execFile)
const oneTool = join(import.meta.dirname, 'one-tool.ts')
const goOnThisMachine = await run('sh', ['-c', 'command -v go']).then(
  ({ stdout }) => stdout.trim(),
  () => undefined,
)
const build = { module: 'tiny', package: 'example.test/tiny', stamp: { 'main.version': 'v{version}' } }

async function withTinyModule(world: World): Promise<void> {
  const folder = join(world.packageRoot, 'toolchain', 'go', 'tiny')
  await mkdir(folder)
  await writeFile(join(folder, 'go.mod'), 'module example.test/tiny\n\ngo 1.21\n')
  await writeFile(join(folder, 'go.sum'), '')
  await writeFile(
    join(folder, 'main.go'),
    'package main\n\nvar version = "unstamped"\n\nfunc main() { println(version) }\n',
  )
  await world.pin({ etcd: { build } })
}

/** A go that knows the packages of a build but never ends it, and says who it is. */
async function withStuckGo(world: World): Promise<void> {
  await world.script(
    'go',
    `case "$1" in
       env) echo go1.26.0 ;;
       list) echo one; echo two ;;
       build) while [ "$1" != -o ]; do shift; done; echo half > "$2"; echo $$ > ${world.packageRoot}/pid; exec sleep 600 ;;
     esac`,
  )
}

async function pidOf(world: World): Promise<number> {
  const file = join(world.packageRoot, 'pid')
  for (const end = Date.now() + 10_000; Date.now() < end; ) {
    const text = await readFile(file, 'utf8').catch(() => '')
    if (text.endsWith('\n')) return Number(text)
    await new Promise(resolve => setTimeout(resolve, 20))
  }
  throw new Error('the build did not begin')
}

test.skipIf(goOnThisMachine === undefined)(
  'a program is built, stamped, without paths of this machine',
  async () => {
    await using world = await createWorld()
    await symlink(goOnThisMachine ?? '', join(world.bin, 'go'))
    await withTinyModule(world)
    const path = await world.toolchain().path('etcd')
    expect(path).toBe(join(world.cache, 'etcd', '1.2.3', 'etcd'))
    expect((await run(path)).stderr).toBe('v1.2.3\n')
    expect((await readFile(path)).includes(world.packageRoot)).toBe(false)
    expect(await world.cached()).toEqual(['etcd/1.2.3/etcd', 'etcd/1.2.3/origin.json'])
    expect(await world.toolchain().report()).toContainEqual(
      expect.objectContaining({ tool: 'etcd', origin: 'built' }),
    )
    expect(world.events).toContainEqual(
      expect.objectContaining({ type: 'tool-progress', message: 'built 1.2.3' }),
    )
  },
  120_000,
)

test.skipIf(goOnThisMachine === undefined)(
  'what cannot be downloaded is built, and said so',
  async () => {
    await using world = await createWorld()
    await symlink(goOnThisMachine ?? '', join(world.bin, 'go'))
    await withTinyModule(world)
    await using server = await listen((_request, response) => response.writeHead(404).end())
    await world.pin({ etcd: { build, downloads: release(`${server.url}/etcd`, Buffer.from('x')) } })
    expect((await run(await world.toolchain().path('etcd'))).stderr).toBe('v1.2.3\n')
    expect(world.events).toContainEqual(
      expect.objectContaining({
        type: 'notice',
        message: expect.stringContaining('building etcd from source'),
      }),
    )
  },
  120_000,
)

test.skipIf(goOnThisMachine === undefined)(
  'what does not compile is told with the compiler’s words',
  async () => {
    await using world = await createWorld()
    await symlink(goOnThisMachine ?? '', join(world.bin, 'go'))
    await withTinyModule(world)
    await writeFile(
      join(world.packageRoot, 'toolchain', 'go', 'tiny', 'main.go'),
      'package main\n\nfunc main() { oops() }\n',
    )
    await expect(world.toolchain().path('etcd')).rejects.toMatchObject({
      code: 'MLP2014',
      detail: expect.stringContaining('undefined: oops'),
      command: expect.stringContaining('go build'),
    })
    expect(await world.cached()).toEqual([])
  },
  120_000,
)

test('without Go, or with an old one, the remedy is to install it', async () => {
  await using world = await createWorld()
  await withTinyModule(world)
  await expect(world.toolchain().path('etcd')).rejects.toMatchObject({ code: 'MLP2011' })
  await world.script('go', 'echo go1.19.13')
  await expect(world.toolchain().path('etcd')).rejects.toMatchObject({
    code: 'MLP2011',
    detail: 'Go here is go1.19.13.',
  })
})

test('a builder killed in the middle leaves nothing half-made and blocks nobody', async () => {
  await using world = await createWorld()
  await withTinyModule(world)
  await withStuckGo(world)
  const killed = spawn(process.execPath, [oneTool, world.packageRoot, 'etcd'], {
    env: { ...world.environment },
    stdio: 'ignore',
  })
  const goPid = await pidOf(world)
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  try {
    await expect(access(join(world.cache, 'etcd', '1.2.3'))).rejects.toThrow()
    await world.script(
      'go',
      `case "$1" in
         env) echo go1.26.0 ;;
         list) echo one ;;
         build) while [ "$1" != -o ]; do shift; done; printf '#!/bin/sh\\necho second\\n' > "$2" ;;
       esac`,
    )
    expect((await run(await world.toolchain().path('etcd'))).stdout).toBe('second\n')
    expect(await world.cached()).toEqual(['etcd/1.2.3/etcd', 'etcd/1.2.3/origin.json'])
  } finally {
    process.kill(goPid, 'SIGKILL')
  }
})

test('a second process waits for the one that builds, and says for whom', async () => {
  await using world = await createWorld()
  await withTinyModule(world)
  const go = join(world.packageRoot, 'go-on')
  await world.script(
    'go',
    `case "$1" in
       env) echo go1.26.0 ;;
       list) echo one ;;
       build) while [ "$1" != -o ]; do shift; done; echo build >> ${world.packageRoot}/builds; echo $$ > ${world.packageRoot}/pid
         while [ ! -e ${go} ]; do sleep 0.05; done; printf '#!/bin/sh\\n' > "$2" ;;
     esac`,
  )
  const first = run(process.execPath, [oneTool, world.packageRoot, 'etcd'], { env: { ...world.environment } })
  await pidOf(world)
  const waiting = Promise.withResolvers<string>()
  const second = world.toolchain().path('etcd')
  const poll = setInterval(() => {
    const said = world.events.find(
      event => event.type === 'tool-progress' && event.message.startsWith('waits'),
    )
    if (said?.type === 'tool-progress') waiting.resolve(said.message)
  }, 20)
  expect(await waiting.promise).toMatch(
    new RegExp(`^waits for process ${(await first.child.pid) ?? 0} of .*: building etcd 1.2.3$`),
  )
  clearInterval(poll)
  await writeFile(go, '')
  expect(await second).toBe((await first).stdout)
  expect(await readFile(join(world.packageRoot, 'builds'), 'utf8')).toBe('build\n')
})
