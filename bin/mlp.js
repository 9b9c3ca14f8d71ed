#!/usr/bin/env node
// Plain JavaScript without imports that an old Node lacks: it is here to say so.
import { existsSync, readFileSync, writeSync } from 'node:fs'
import * as nodeModule from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const mlpPath = fileURLToPath(import.meta.url)
const packageRoot = dirname(dirname(mlpPath))
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)

if (!showHelp()) {
  if (major > 22 || (major === 22 && minor >= 19)) await start()
  else await runWithPinnedNode()
}

async function start() {
  if (process.env.MLP_PINNED_NODE === '1') endWithParent()
  const bundle = join(packageRoot, 'dist', 'mlp.js')
  // In a checkout that was not built, Node runs the TypeScript itself.
  const entry = existsSync(bundle) ? '../dist/mlp.js' : '../src/cli/main.ts'
  nodeModule.enableCompileCache(join(packageRoot, 'dist', 'compile-cache'))
  const { main } = await import(entry)
  await main({ mlpPath, packageRoot })
}

/** To kill the mlp that was called has to end the one that works, or that would go on unseen and hold the lock. */
function endWithParent() {
  process.once('disconnect', () => process.kill(process.pid, 'SIGKILL'))
  process.channel?.unref()
}

/** `mlp` and `mlp --help` are the text that the build printed: nobody waits for a command tree to say the same. */
function showHelp() {
  const args = process.argv.slice(2)
  if (args.length > 1 || !['--help', '-h', 'help', undefined].includes(args[0])) return false
  const help = join(packageRoot, 'dist', 'help.txt')
  if (!existsSync(help)) return false
  try {
    writeSync(1, readFileSync(help, 'utf8'))
  } catch (error) {
    // A reader that has seen enough is no error.
    if (error.code !== 'EPIPE') throw error
  }
  return true
}

/** The package brings its own Node for machines whose Node is too old. */
async function runWithPinnedNode() {
  const pinned = join(packageRoot, 'node_modules', 'node', 'bin', 'node')
  if (!existsSync(pinned) || process.env.MLP_PINNED_NODE === '1') {
    process.stderr.write(
      `Error MLP2000: mlp needs Node 22.19 or newer; this is ${process.versions.node} (${process.execPath})\n\n` +
        'What to do:\n  - Run `npm ci` in the folder of mlp: it brings the right Node.\n' +
        '  - Or install Node 24 from https://nodejs.org.\n',
    )
    process.exitCode = 2
    return
  }
  const { spawn } = await import('node:child_process')
  const child = spawn(pinned, [mlpPath, ...process.argv.slice(2)], {
    // Over the channel it learns when this process is killed, however that is.
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, MLP_PINNED_NODE: '1' },
  })
  // The terminal sends its interrupts to both; ours is only to be outlived. Others are passed on.
  process.on('SIGINT', () => {})
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal))
  child.on('error', error => {
    process.stderr.write(`Error MLP2000: ${pinned} does not start: ${error.message}\n`)
    process.exitCode = 2
  })
  child.on('exit', (code, signal) => {
    process.removeAllListeners()
    if (signal === null) process.exitCode = code ?? 1
    else process.kill(process.pid, signal)
  })
}
