import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as tlsConnect } from 'node:tls'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import * as z from 'zod'
import { identify } from '../src/processes/process-identity.ts'
import { control, eventually, kill9, ready, type Status, spawnDaemon, status } from './core-daemon-process.ts'
import { runTerraform } from './core-terraform.ts'

let home: string
let daemons: ChildProcess[]
beforeEach(async () => {
  home = join(await mkdtemp(join(tmpdir(), 'mlp-daemon-')), 'home')
  daemons = []
})
afterEach(async () => {
  // The last one stops what all of them started.
  const last = await start()
  const ended = once(last, 'exit')
  await eventually('a stop', async () => control(home, 'POST', '/stop'))
  await ended
  await rm(join(home, '..'), { recursive: true })
})

async function start(environment?: NodeJS.ProcessEnv): Promise<ChildProcess> {
  const running = daemons.find(daemon => daemon.exitCode === null && daemon.signalCode === null)
  if (running !== undefined) return running
  const daemon = spawnDaemon(home, environment)
  daemons.push(daemon)
  return daemon
}

function processOf(now: Status, name: string) {
  const found = now.processes.find(one => one.name === name)
  if (found?.pid === undefined || found.pid === null || found.port === null)
    throw new Error(`${name} does not run`)
  return { pid: found.pid, port: found.port, restarts: found.restarts }
}

async function makeBucket(now: Status, name: string): Promise<void> {
  const base = `http://127.0.0.1:${processOf(now, 'emulators/gcs').port}`
  const made = await fetch(`${base}/storage/v1/b`, { method: 'POST', body: JSON.stringify({ name }) })
  expect(made.status).toBe(200)
}

async function buckets(now: Status): Promise<readonly string[]> {
  const answer = await fetch(
    `http://127.0.0.1:${processOf(now, 'emulators/gcs').port}/storage/v1/b?project=p`,
  )
  const listed = z
    .object({ items: z.array(z.object({ name: z.string() })).default([]) })
    .parse(await answer.json())
  return listed.items.map(bucket => bucket.name)
}

describe('what is there after a daemon was killed', () => {
  test('the same world: ports, secrets, authority, processes, objects', async () => {
    const first = await start()
    const before = await ready(home, first)
    await makeBucket(before, 'kept')
    const files = ['secrets.json', 'ports.json', 'ca.pem']
    const read = () => Promise.all(files.map(name => readFile(join(home, name), 'utf8')))
    const kept = await read()
    await kill9(first)

    const after = await ready(home, await start())
    expect(after.processes.map(({ name, pid, port }) => ({ name, pid, port }))).toEqual(
      expect.arrayContaining(before.processes.map(({ name, pid, port }) => ({ name, pid, port }))),
    )
    expect(after.clouds).toEqual(before.clouds)
    expect(await read()).toEqual(kept)
    expect(await buckets(after)).toEqual(['kept'])
  })

  test('processes that died meanwhile are started again on the same ports', async () => {
    const first = await start()
    const before = await ready(home, first)
    await makeBucket(before, 'kept')
    await kill9(first)
    for (const one of before.processes) if (one.pid !== null) process.kill(one.pid, 'SIGKILL')

    const after = await ready(home, await start())
    for (const { name } of before.processes) {
      expect(processOf(after, name).pid).not.toBe(processOf(before, name).pid)
      expect(processOf(after, name).port).toBe(processOf(before, name).port)
    }
    expect(await buckets(after)).toEqual(['kept'])
  })

  test('a resource whose creation terraform never heard of is in the world', async () => {
    // aws_vpc takes 10 s at scale 1: long enough to be killed in.
    const first = await start({ MLP_SANDBOX_TIME_SCALE: '1' })
    await ready(home, first)
    const apply = runTerraform(home, 'resource "aws_vpc" "v" { cidr_block = "10.0.0.0/16" }')
    await eventually('the record in the world', async () =>
      (await status(home)).clouds[0]?.resources === 1 ? true : undefined,
    )
    await kill9(first)
    await expect(apply).rejects.toThrow()
    const after = await ready(home, await start())
    expect(after.clouds[0]?.resources).toBe(1)
  })
})

test('an object store that is killed comes back by itself, with its data', async () => {
  const before = await ready(home, await start())
  await makeBucket(before, 'kept')
  const killed = processOf(before, 'emulators/gcs').pid
  process.kill(killed, 'SIGKILL')
  const after = await eventually('a restart', async () => {
    const now = await status(home)
    const again = processOf(now, 'emulators/gcs')
    return again.pid !== killed && (await buckets(now)).length > 0 ? now : undefined
  })
  expect(processOf(after, 'emulators/gcs').restarts).toBe(1)
  expect(await buckets(after)).toEqual(['kept'])
})

test('of two daemons started at once one serves and the other ends without an error', async () => {
  const both = [spawnDaemon(home), spawnDaemon(home)]
  daemons.push(...both)
  const loser = await Promise.race(both.map(async one => once(one, 'exit').then(() => one)))
  expect(loser.exitCode).toBe(0)
  const winner = both.find(one => one !== loser)
  if (winner === undefined) throw new Error('no daemon is left')
  expect((await ready(home, winner)).pid).toBe(winner.pid)
})

test('a stop ends every process and leaves secrets to nobody else', async () => {
  const daemon = await start()
  const before = await ready(home, daemon)
  const ended = once(daemon, 'exit')
  await control(home, 'POST', '/stop')
  await ended
  for (const { pid } of before.processes)
    expect(pid === null ? undefined : await identify(pid)).toBeUndefined()
  expect(existsSync(join(home, 'daemon.json'))).toBe(false)
  expect((await stat(home)).mode & 0o777).toBe(0o700)
  const secret = (await readdir(home)).filter(name => /key|secrets|store|sockets/.test(name))
  expect(secret.length).toBeGreaterThan(4)
  for (const name of secret) expect((await stat(join(home, name))).mode & 0o077, name).toBe(0)
})

test('faults come once each, in the cloud’s own words, and a lost response was carried out', async () => {
  const now = await ready(home, await start())
  const endpoint = now.clouds[0]?.endpoint
  const ca = await readFile(join(home, 'ca.pem'), 'utf8')
  const get = (path: string) =>
    new Promise<{ status: number | undefined; body: string }>((resolve, reject) => {
      const outgoing = httpsRequest(`${endpoint}${path}`, { ca }, response => {
        let body = ''
        response.on('data', chunk => {
          body += String(chunk)
        })
        response.on('end', () => resolve({ status: response.statusCode, body }))
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  await control(home, 'PUT', '/faults', {
    faults: [
      { on: 'aws:/clusters', kind: 'throttle' },
      { on: 'aws:/clusters', kind: 'lostResponse' },
    ],
  })
  expect(await get('/other')).toMatchObject({ status: 200 })
  expect(await get('/clusters')).toMatchObject({
    status: 429,
    body: expect.stringContaining('ThrottlingException'),
  })
  await expect(get('/clusters')).rejects.toThrow(/hang up|ECONNRESET/)
  expect(await get('/clusters')).toEqual({ status: 200, body: 'test cloud: /clusters' })
  await expect(control(home, 'PUT', '/faults', { faults: [{ on: 'x', kind: 'nonsense' }] })).rejects.toThrow(
    /400/,
  )
})

test('the proxy tunnels to storage accounts that exist and refuses all else', async () => {
  await ready(home, await start())
  const { proxy } = z
    .object({ proxy: z.int() })
    .parse(JSON.parse(await readFile(join(home, 'ports.json'), 'utf8')))
  const ca = await readFile(join(home, 'ca.pem'), 'utf8')
  const tunnel = (host: string) =>
    new Promise<{ status: number | undefined; authorized: boolean }>((resolve, reject) => {
      const outgoing = httpRequest({ host: '127.0.0.1', port: proxy, method: 'CONNECT', path: `${host}:443` })
      outgoing.on('connect', (response, socket) => {
        if (response.statusCode !== 200) return resolve({ status: response.statusCode, authorized: false })
        const secure = tlsConnect({ socket, servername: host, ca }, () => {
          resolve({ status: 200, authorized: secure.authorized })
          secure.destroy()
        })
        secure.on('error', reject)
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
  expect(await tunnel('example.com')).toEqual({ status: 403, authorized: false })
  expect(await tunnel('nobody.blob.core.windows.net')).toEqual({ status: 502, authorized: false })
  await control(home, 'PUT', '/time-scale', { timeScale: 0 })
  await runTerraform(home, 'resource "aws_s3_bucket" "account" { bucket = "mystore" }')
  expect(await tunnel('mystore.blob.core.windows.net')).toEqual({ status: 200, authorized: true })
})
