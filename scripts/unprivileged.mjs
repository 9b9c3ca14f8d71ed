#!/usr/bin/env node
// The product's main path and a part of the sandbox's tests as somebody who is not root: nobody's ids, a home of its
// own, a copy of the repository. Only root can become somebody else; elsewhere the other suites have run as such already.
import { execFileSync, spawn } from 'node:child_process'
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const repository = join(import.meta.dirname, '..')
// Debian's and every other system's `nobody`.
const id = 65534

if (process.getuid?.() !== 0) {
  const who = process.getuid === undefined ? process.platform : `uid ${process.getuid()}`
  process.stdout.write(
    `not run, because this is not root (${who}), so the other suites ran unprivileged already\n`,
  )
  process.exit(0)
}

const folder = mkdtempSync(join(tmpdir(), 'mlp-nobody-'))
const [copy, home, platform] = ['mlp', 'home', 'platform'].map(name => join(folder, name))
// How this machine reaches what is downloaded belongs to the machine, not to a user.
const network =
  /^(NODE_EXTRA_CA_CERTS|SSL_CERT_(FILE|DIR)|(https?|no)_proxy|npm_config_(registry|cafile|noproxy))$/i
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => network.test(name))),
  PATH: process.env['PATH'],
  HOME: home,
  TMPDIR: join(folder, 'tmp'),
  MLP_TOOLS_CACHE: join(home, '.cache', 'mlp', 'tools'),
  MLP_SANDBOX_HOME: join(platform, '.mlp', 'sandbox'),
  MLP_SANDBOX_TIME_SCALE: '0',
  CI: 'true',
  NO_COLOR: '1',
}
// The repository's own Node, not the machine's.
const node = join(copy, 'node_modules/.bin/node')
const mlp = (...args) => [node, join(copy, 'bin/mlp.js'), ...args]
const vitest = join(copy, 'node_modules/vitest/vitest.mjs')

let exitCode = 0
try {
  prepare()
  // Phases 4 and 5 were seen to work as nobody, too; here they would take six minutes more.
  await run('bootstrap', platform, mlp('bootstrap', '--to', '3', '--yes', '--quiet'))
  await run('verify', platform, mlp('verify', '--quiet'))
  await run('teardown', platform, mlp('teardown', '--yes', '--destroy-data', '--quiet'))
  // With pods, as whoever is not root: what the kernel allows to that user is not what it allows to root.
  const tests = [
    'sandbox/test/core-supervisor',
    'sandbox/test/kubernetes',
    'sandbox/test/workloads.test',
    'sandbox/test/data-servers',
  ]
  await run('tests', copy, [node, vitest, 'run', '--project', 'sandbox', ...tests])
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  exitCode = 1
} finally {
  if (existsSync(copy))
    await run('reset', platform, mlp('sandbox', 'reset', '--yes', '--quiet')).catch(() => undefined)
  rmSync(folder, { recursive: true, force: true })
}
process.exitCode = exitCode

/** Files are shared by hard links where the disk allows it and stay root's, so nobody can change them; folders are copies. */
function prepare() {
  for (const path of [home, platform, environment.TMPDIR, dirname(environment.MLP_TOOLS_CACHE)])
    mkdirSync(path, { recursive: true })
  const files = readdirSync(repository).filter(name => !['.git', '.mlp', 'coverage'].includes(name))
  mkdirSync(copy)
  link(
    files.map(name => join(repository, name)),
    copy,
  )
  const tools =
    process.env['MLP_TOOLS_CACHE'] ??
    join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'mlp', 'tools')
  if (existsSync(tools)) link([tools], dirname(environment.MLP_TOOLS_CACHE))
  chownSync(folder, id, id)
  execFileSync('find', [folder, '-type', 'd', '-exec', 'chown', `${id}:${id}`, '{}', '+'])
  // Locks and notes beside the tools are this user's own.
  execFileSync('find', [join(environment.MLP_TOOLS_CACHE), '-maxdepth', '1', '-type', 'f', '-delete'])
  rmSync(join(environment.MLP_TOOLS_CACHE, 'locks'), { recursive: true, force: true })
}

function link(from, to) {
  try {
    execFileSync('cp', ['-al', ...from, to], { stdio: 'ignore' })
  } catch {
    // Another file system.
    execFileSync('cp', ['-a', ...from, to])
  }
}

function run(what, cwd, [file, ...args]) {
  const startedAt = performance.now()
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd,
      env: environment,
      uid: id,
      gid: id,
      stdio: ['ignore', 'inherit', 'inherit'],
    })
    child.on('error', reject)
    child.on('exit', code => {
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
      process.stdout.write(
        `unprivileged ${what}: ${code === 0 ? 'passed' : `exit ${code}`} after ${seconds} s\n`,
      )
      if (code === 0) resolve(undefined)
      else reject(new Error(`as uid ${id}, ${what} failed: ${[file, ...args].join(' ')}`))
    })
  })
}
