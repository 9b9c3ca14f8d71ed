import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test, vi } from 'vitest'
import { createWorld, listen, release, type World } from './world.ts'

// Every test starts processes, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const run = promisify(execFile)
const oneTool = join(import.meta.dirname, 'one-tool.ts')
const versionCommand = { args: ['--version'], env: {}, pattern: '^tool (\\S+)' }
const answering = (version: string): string => `echo "tool ${version}"`

function inOwnProcess(world: World, tool: string) {
  return run(process.execPath, [oneTool, world.packageRoot, tool], { env: { ...world.environment } })
}

/** A folder as tar(1) packs it, with one tool in it that says its name. */
async function packed(world: World, name: string, pack: (folder: string, file: string) => readonly string[]) {
  const file = join(world.packageRoot, name)
  await world.script('packed-tool', 'echo from the archive')
  const [command = '', ...args] = pack(world.bin, file)
  await run(command, args, { cwd: world.bin })
  return await readFile(file)
}

test.each([
  ['1.2.0', true],
  ['1.99.7', true],
  ['1.1.9', false],
  ['2.0.0', false],
  ['1.5.0-rc.1', false],
  ['nonsense', false],
])('a tool on PATH of version %s is taken: %s', async (version, taken) => {
  await using world = await createWorld()
  await world.pin({ etcd: { versionCommand } })
  const file = await world.script('etcd', answering(version))
  const got = world.toolchain().path('etcd')
  if (taken) expect(await got).toBe(file)
  else await expect(got).rejects.toMatchObject({ code: 'MLP2010' })
})

test('a tool on PATH is asked for its version once, and again when it has changed', async () => {
  await using world = await createWorld()
  await world.pin({ etcd: { versionCommand } })
  const asked = join(world.packageRoot, 'asked')
  await world.script('etcd', `echo asked >> ${asked}; ${answering('1.2.3')}`)
  await world.toolchain().path('etcd')
  await world.toolchain().path('etcd')
  expect(await readFile(asked, 'utf8')).toBe('asked\n')

  await world.script('etcd', `echo asked again >> ${asked}; ${answering('3.0.0')}`)
  await expect(world.toolchain().path('etcd')).rejects.toMatchObject({
    code: 'MLP2010',
    detail: expect.stringContaining('PATH has 3.0.0'),
  })
})

test.each([
  ['tar.gz', (_: string, file: string) => ['tar', '-czf', file, './packed-tool'], 'packed-tool'],
  [
    'zip',
    (folder: string, file: string) => [
      'python3',
      '-c',
      `import zipfile; zipfile.ZipFile(${JSON.stringify(file)}, 'w', zipfile.ZIP_DEFLATED).write(${JSON.stringify(`${folder}/packed-tool`)}, 'packed-tool')`,
    ],
    'packed-tool',
  ],
  ['binary', (folder: string, file: string) => ['cp', `${folder}/packed-tool`, file], undefined],
] as const)(
  'a release (%s) is downloaded, checked, kept, and downloaded once',
  async (kind, pack, member) => {
    await using world = await createWorld()
    const content = await packed(world, `release.${kind}`, pack)
    let requests = 0
    await using server = await listen((_request, response) => {
      requests++
      response.end(content)
    })
    await world.pin({ k6: { downloads: release(`${server.url}/release.${kind}`, content, member) } })

    const paths = await Promise.all([inOwnProcess(world, 'k6'), inOwnProcess(world, 'k6')])
    const path = join(world.cache, 'k6', '1.2.3', 'k6')
    expect(paths.map(({ stdout }) => stdout)).toEqual([path, path])
    expect((await run(path)).stdout).toBe('from the archive\n')
    expect(await world.cached()).toEqual(['k6/1.2.3/k6', 'k6/1.2.3/origin.json'])
    expect(requests).toBe(1)
    expect(await world.toolchain().report()).toContainEqual(
      expect.objectContaining({ tool: 'k6', origin: 'downloaded', found: '1.2.3', path }),
    )
  },
)

test('a release that is not what was pinned is refused and removed', async () => {
  await using world = await createWorld()
  await using server = await listen((_request, response) => response.end('something else'))
  await world.pin({ k6: { downloads: release(`${server.url}/k6`, Buffer.from('the real one')) } })
  await expect(world.toolchain().path('k6')).rejects.toMatchObject({ code: 'MLP2013' })
  expect(await world.cached()).toEqual([])
})

test('a broken download goes on where it stopped', async () => {
  await using world = await createWorld()
  const content = Buffer.from('#!/bin/sh\necho whole\n'.padEnd(200_000, '#'))
  const ranges: (string | undefined)[] = []
  await using server = await listen((request, response) => {
    ranges.push(request.headers.range)
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': content.length - from })
    if (from > 0) response.end(content.subarray(from))
    else response.write(content.subarray(0, 100_000), () => setTimeout(() => response.destroy(), 100))
  })
  await world.pin({ k6: { downloads: release(`${server.url}/k6`, content) } })
  const path = await world.toolchain().path('k6')
  expect((await run(path)).stdout).toBe('whole\n')
  expect(ranges).toEqual([undefined, 'bytes=100000-'])
  expect(world.events).toContainEqual(
    expect.objectContaining({ type: 'tool-progress', message: expect.stringContaining('trying again') }),
  )
})

test('a server that is in trouble is asked three times, one that refuses once', async () => {
  for (const [status, times] of [
    [503, 3],
    [404, 1],
  ] as const) {
    await using world = await createWorld()
    let requests = 0
    await using server = await listen((_request, response) => {
      requests++
      response.writeHead(status).end()
    })
    await world.pin({ k6: { downloads: release(`${server.url}/k6`, Buffer.from('x')) } })
    await expect(world.toolchain().path('k6')).rejects.toMatchObject({ code: 'MLP2012' })
    expect(requests).toBe(times)
  }
})

test('a failure in the background is told to the one who needs the tool, who may try again', async () => {
  await using world = await createWorld()
  await world.pin({ etcd: { versionCommand } })
  const toolchain = world.toolchain()
  toolchain.prefetch(['etcd', 'k6'])
  await expect(toolchain.path('etcd')).rejects.toMatchObject({ code: 'MLP2010' })
  const file = await world.script('etcd', answering('1.2.3'))
  expect(await toolchain.path('etcd')).toBe(file)
})

test('waiting for a tool ends with the signal', async () => {
  await using world = await createWorld()
  const arrived = Promise.withResolvers<void>()
  await using server = await listen(() => arrived.resolve())
  await world.pin({ k6: { downloads: release(`${server.url}/k6`, Buffer.from('x')) } })
  const abort = new AbortController()
  const waiting = world.toolchain().path('k6', abort.signal)
  await arrived.promise
  abort.abort()
  await expect(waiting).rejects.toMatchObject({ code: 'MLP5130', exitCode: 130 })
})

const unprivilegedMount = await run('unshare', ['-Urm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).then(
  () => true,
  () => false,
)

test.skipIf(!unprivilegedMount)('a full disk is called one, and leaves nothing behind', async () => {
  await using world = await createWorld()
  const content = Buffer.alloc(2_000_000, '#')
  await using server = await listen((_request, response) => response.end(content))
  await world.pin({ k6: { downloads: release(`${server.url}/k6`, content) } })
  await run('mkdir', ['-p', world.cache])
  const { stdout } = await run(
    'unshare',
    [
      '-Urm',
      'sh',
      '-c',
      `mount -t tmpfs -o size=1m none ${world.cache} && ${process.execPath} ${oneTool} ${world.packageRoot} k6 && ls -A ${world.cache}/k6`,
    ],
    { env: { ...world.environment } },
  )
  expect(stdout).toMatch(/^MLP2015/)
  expect(stdout).not.toContain('1.2.3')
  expect(stdout).not.toContain('.making')
})

test('the report says what is there, what mlp can get, and what a person has to install', async () => {
  await using world = await createWorld()
  const file = await world.script('etcd', answering('1.2.3'))
  await world.script('kwok', answering('9.9.9'))
  await world.pin({
    etcd: { versionCommand },
    kwok: { versionCommand, build: { module: 'kwok', package: 'kwok', stamp: {} } },
  })
  const reports = new Map((await world.toolchain().report()).map(report => [report.tool, report]))
  expect(reports.get('etcd')).toMatchObject({ origin: 'path', path: file, found: '1.2.3', remedy: [] })
  expect(reports.get('kwok')).toMatchObject({ origin: 'missing', found: '9.9.9', ways: ['build'] })
  expect(reports.get('helm')).toMatchObject({
    origin: 'missing',
    found: null,
    ways: [],
    remedy: [expect.stringContaining('Install helm 1.2.3')],
  })
})

test('a process killed while it downloads leaves nothing half-made and blocks nobody', async () => {
  await using world = await createWorld()
  const content = Buffer.from('#!/bin/sh\necho whole\n'.padEnd(100_000, '#'))
  const begun = Promise.withResolvers<void>()
  let stall = true
  await using server = await listen((_request, response) => {
    if (!stall) return response.end(content)
    response.writeHead(200, { 'content-length': content.length })
    response.write(content.subarray(0, 50_000), () => begun.resolve())
    return response
  })
  await world.pin({ k6: { downloads: release(`${server.url}/k6`, content) } })
  const killed = spawn(process.execPath, [oneTool, world.packageRoot, 'k6'], {
    env: { ...world.environment },
    stdio: 'ignore',
  })
  await begun.promise
  killed.kill('SIGKILL')
  await once(killed, 'exit')
  expect(await world.cached()).not.toContain('k6/1.2.3/k6')

  stall = false
  const path = await world.toolchain().path('k6')
  expect((await run(path)).stdout).toBe('whole\n')
  expect(await world.cached()).toEqual(['k6/1.2.3/k6', 'k6/1.2.3/origin.json'])
})

test('the locks of a damaged cache are explained, not ignored', async () => {
  await using world = await createWorld()
  await writeFile(world.cache, 'a file where the cache should be')
  await world.pin({ k6: { downloads: release('http://127.0.0.1:9/k6', Buffer.from('x')) } })
  await expect(world.toolchain().path('k6')).rejects.toMatchObject({ remedy: [expect.any(String)] })
})
