#!/usr/bin/env node
// Makes docs/pictures/terminal.svg: runs the commands below in a real terminal, in a new folder with a sandbox of its
// own, keeps what stood on the screen in docs/pictures/terminal.json, and draws it.
//   node scripts/terminal-picture.mjs               records and draws (a whole platform: minutes)
//   node scripts/terminal-picture.mjs --clouds aws --to 3  the same with fewer clouds, and phases up to that one
//   node scripts/terminal-picture.mjs --draw        draws what was recorded
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { spawn } from '@lydell/node-pty'
import xterm from '@xterm/headless'
import { recordingSchema, terminalPicture } from './terminal-picture-svg.ts'

const root = join(import.meta.dirname, '..')
const pictures = join(root, 'docs', 'pictures')
const columns = 100
const rows = 30
const commands = [
  'npx mlp bootstrap --yes',
  'npx mlp verify --output short',
  'npx mlp status',
  'npx mlp teardown --yes --destroy-data --no-final-snapshot',
]
/** Screens of one command in the picture, and how long each is shown; the last one longer. */
const mostScreens = 16
const screenMs = 700
const lastScreenMs = 4000

const { values } = parseArgs({
  options: { draw: { type: 'boolean' }, clouds: { type: 'string' }, to: { type: 'string' } },
})
if (!values.draw) await record()
const recording = recordingSchema.parse(JSON.parse(await readFile(join(pictures, 'terminal.json'), 'utf8')))
await writeFile(join(pictures, 'terminal.svg'), terminalPicture(recording))

async function record() {
  const folder = await mkdtemp(join(tmpdir(), 'ml-platform-'))
  const env = environment(folder)
  if (values.clouds !== undefined) {
    const clouds = values.clouds.split(',').map(cloud => `  ${cloud}: {}\n`)
    await writeFile(
      join(folder, 'mlp.yaml'),
      `apiVersion: mlp.dev/v1\nproject: ml-platform\nclouds:\n${clouds.join('')}`,
    )
  }
  try {
    const recorded = []
    const to = values.to === undefined ? '' : ` --to ${values.to}`
    for (const command of commands) {
      const typed = command.includes('bootstrap') ? `${command}${to}` : command
      const ran = await run(typed, folder, env)
      process.stderr.write(`${typed}: exit ${ran.exitCode} after ${ran.seconds} s\n`)
      recorded.push(ran)
      if (ran.exitCode !== 0) throw new Error(`${typed} ended with ${ran.exitCode}:\n${textOf(ran.ending)}`)
    }
    const { version } = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
    const recording = {
      recordedOn: new Date().toISOString().slice(0, 10),
      mlp: version,
      columns,
      rows,
      steps: await stepsOf(join(folder, '.mlp', 'sandbox', 'ml-platform-dev', 'runs')),
      commands: recorded,
    }
    await mkdir(pictures, { recursive: true })
    await writeFile(join(pictures, 'terminal.json'), `${JSON.stringify(recording)}\n`)
  } finally {
    await run('npx mlp sandbox reset --yes', folder, env)
    await rm(folder, { recursive: true, force: true })
  }
}

/** What the user has, without what says that nobody looks. */
function environment(folder) {
  const {
    CI: _ci,
    NO_COLOR: _noColor,
    ACCESSIBLE: _accessible,
    GITHUB_ACTIONS: _actions,
    ...env
  } = process.env
  return {
    ...env,
    TERM: 'xterm-256color',
    MLP_SANDBOX_HOME: join(folder, '.mlp', 'sandbox-home'),
    MLP_SANDBOX_TIME_SCALE: '0',
  }
}

/** Runs one command of mlp in a terminal, and keeps some of the screens, evenly over its time. */
async function run(typed, cwd, env) {
  const emulator = new xterm.Terminal({ cols: columns, rows, scrollback: 5000, allowProposedApi: true })
  await new Promise(resolve => emulator.write(`\x1b[2m$\x1b[0m \x1b[1m${typed}\x1b[0m\r\n`, resolve))
  const args = typed.replace(/^npx mlp /, '').split(' ')
  const startedAt = performance.now()
  const child = spawn(process.execPath, [join(root, 'bin', 'mlp.js'), ...args], {
    cols: columns,
    rows,
    cwd,
    env,
  })
  const screens = []
  let last = ''
  const look = () => {
    const { baseY } = emulator.buffer.active
    const screen = rowsFrom(emulator, baseY)
    const text = textOf(screen)
    if (text !== last) screens.push({ at: performance.now() - startedAt, rows: screen })
    last = text
  }
  const timer = setInterval(look, 200)
  child.onData(data => emulator.write(data))
  const exitCode = await new Promise(resolve => {
    child.onExit(ended => emulator.write('', () => resolve(ended.exitCode)))
  })
  clearInterval(timer)
  look()
  return {
    typed,
    exitCode,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    screens: some(screens),
    ending: rowsFrom(emulator, 0).slice(1),
  }
}

function some(screens) {
  const from = screens[0]?.at ?? 0
  const span = Math.max(1, (screens.at(-1)?.at ?? 0) - from)
  const bySlot = new Map(
    screens.map(screen => [Math.floor(((screen.at - from) / span) * (mostScreens - 1)), screen.rows]),
  )
  const kept = [...bySlot.values()]
  return kept.map((shown, index) => ({
    showMs: index === kept.length - 1 ? lastScreenMs : screenMs,
    rows: shown,
  }))
}

/** Rows of the terminal as runs of one style each, without empty rows at the end. */
function rowsFrom(emulator, from) {
  const buffer = emulator.buffer.active
  const found = []
  for (let at = from; at < buffer.length; at += 1) found.push(rowOf(buffer.getLine(at)))
  return found.slice(0, found.findLastIndex(row => row.length > 0) + 1)
}

function rowOf(line) {
  const runs = []
  if (line === undefined) return runs
  for (let column = 0; column < columns; column += 1) {
    const cell = line.getCell(column)
    const text = cell?.getChars() || ' '
    const style = cell === undefined ? '' : styleOf(cell)
    const previous = runs.at(-1)
    if (previous?.style === style) previous.text += text
    else runs.push({ text, style })
  }
  while (runs.at(-1)?.text.trim() === '') runs.pop()
  const end = runs.at(-1)
  if (end !== undefined) end.text = end.text.trimEnd()
  return runs
}

function styleOf(cell) {
  return [
    cell.isFgPalette() && cell.getFgColor() < 16 ? `c${cell.getFgColor()}` : '',
    cell.isBold() ? 'b' : '',
    cell.isDim() ? 'd' : '',
  ]
    .filter(Boolean)
    .join(' ')
}

function textOf(screen) {
  return screen.map(row => row.map(({ text }) => text).join('')).join('\n')
}

/** Of the first run, which is the bootstrap. */
async function stepsOf(runs) {
  const names = (await readdir(runs)).toSorted()
  for (const name of names) {
    const events = (await readFile(join(runs, name, 'events.ndjson'), 'utf8')).split('\n')
    const started = events.find(line => line.includes('"type":"run-started"'))
    if (started !== undefined) return JSON.parse(started).steps.map(({ id }) => id)
  }
  throw new Error(`no run of steps was seen in ${runs}`)
}
