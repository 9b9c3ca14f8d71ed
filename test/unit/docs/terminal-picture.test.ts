import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { recordingSchema, stillRows, terminalPicture } from '../../../scripts/terminal-picture-svg.ts'
import { createProgram } from '../../../src/cli/program.ts'
import { defaultSandboxConfig } from '../../../src/config/defaults.ts'
import { phases } from '../../../src/phases/index.ts'

const file = (name: string) =>
  readFileSync(new URL(`../../../docs/pictures/${name}`, import.meta.url), 'utf8')
const recording = recordingSchema.parse(JSON.parse(file('terminal.json')))
const picture = file('terminal.svg')
const again = 'make it anew: node scripts/terminal-picture.mjs'
const textOf = (rows: ReturnType<typeof stillRows>) =>
  rows.map(row => row.map(({ text }) => text).join('')).join('\n')

describe('docs/pictures/terminal.svg', () => {
  it('is drawn from what was recorded', () => {
    expect(
      picture === terminalPicture(recording),
      `it is not: node scripts/terminal-picture.mjs --draw`,
    ).toBe(true)
  })

  it('shows commands that the program understands, and that ended well', async () => {
    expect(recording.commands.map(({ exitCode }) => exitCode)).toEqual(recording.commands.map(() => 0))
    for (const { typed } of recording.commands) {
      const calls: string[] = []
      const program = createProgram(async command => void calls.push(command), {
        version: '0',
        writeOut: () => undefined,
        writeErr: () => undefined,
      })
      await program.parseAsync(typed.split(' ').slice(2), { from: 'user' })
      expect(calls, `${typed}: ${again}`).toHaveLength(1)
    }
    expect(recording.commands.map(({ typed }) => typed.split(' ')[2])).toEqual([
      'bootstrap',
      'verify',
      'status',
      'teardown',
    ])
  })

  it('shows steps that the program has', () => {
    const known = new Set(
      phases.flatMap(phase => phase.steps(defaultSandboxConfig())).map(({ id }) => String(id)),
    )
    expect(recording.steps.length).toBeGreaterThan(0)
    expect(
      recording.steps.filter(id => !known.has(id)),
      `no steps of the program any more; ${again}`,
    ).toEqual([])
    const seen = textOf(recording.commands.flatMap(({ ending }) => ending))
    const shown = [...seen.matchAll(/^√ (\w+)\/([a-z-]+).* done:/gm)].map(
      ([, cloud, name]) => `${cloud}.${name}`,
    )
    expect(shown.length).toBeGreaterThan(0)
    expect(shown.filter(name => !recording.steps.some(id => id.endsWith(`.${name}`)))).toEqual([])
  })

  it('shows how each command ended, the totals of the checks among it', () => {
    const still = textOf(stillRows(recording))
    for (const { typed } of recording.commands) expect(still).toContain(`$ ${typed}`)
    expect(still).toMatch(/Done in .*done of/)
    expect(still).toMatch(/√ 0\/\d+ failed/)
    expect(still).toMatch(/next: mlp/)
    expect(still).toContain('kept:')
  })

  it('is one that a code host shows: no script, nothing loaded, told in words, still for whoever wants that', () => {
    expect(picture).not.toMatch(
      /<script|<image|<foreignObject|@import|@font-face|url\((?!#window\))|href="(?!#r\d+")/i,
    )
    expect(picture).toMatch(/role="img" aria-labelledby="title told"/)
    expect(picture).toContain('@media (prefers-color-scheme: dark)')
    expect(picture).toContain('@media (prefers-reduced-motion: reduce)')
    expect(picture.length).toBeLessThan(200_000)
    expect(picture).not.toMatch(/\/(tmp|root|home|Users)\//)
  })
})
