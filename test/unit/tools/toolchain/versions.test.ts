import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { downloadFor, fits, readPins, toolNames, wheelFor } from '../../../../src/tools/toolchain/versions.ts'

const packageRoot = join(import.meta.dirname, '../../../..')
const pins = await readPins(packageRoot)

test.each(toolNames)('%s: its pin fits its own range, and its files agree with it', async tool => {
  const { version, accept, downloads, build } = pins[tool]
  expect(fits(version, accept)).toBe(true)
  for (const { url } of Object.values(downloads)) {
    expect(url).toMatch(/^https:/)
    expect(url).toContain(version)
  }
  if (build === undefined) return
  const folder = join(packageRoot, 'toolchain', 'go', build.module)
  const module = await readFile(join(folder, 'go.mod'), 'utf8')
  // Programs of ours are in the module itself: the collector has its parts' version, what stands in for others its own.
  const isOurs = build.package.startsWith('mlp.dev/toolchain/')
  if (isOurs) expect(module).toContain(`module mlp.dev/toolchain/${build.module}\n`)
  else expect(module).toMatch(new RegExp(`^(tool |\\t)${build.package}$`, 'm'))
  // Istio publishes no versions through the module proxy, only a commit.
  if (build.module !== 'istioctl' && tool !== 'trace-store')
    expect(module).toContain(` v${build.moduleVersion ?? version}`)
  expect(await readFile(join(folder, 'go.sum'), 'utf8')).toContain('h1:')
})

test('what stands in for files that a module lacks is in git, and not only on the machine that has built it', () => {
  const incomplete = toolNames.flatMap(tool => {
    const { build } = pins[tool]
    return build?.incomplete === undefined ? [] : [`toolchain/go/${build.module}/missing`]
  })
  expect(incomplete).not.toHaveLength(0)
  for (const folder of incomplete)
    expect(execFileSync('git', ['ls-files', folder], { cwd: packageRoot, encoding: 'utf8' })).not.toBe('')
})

test('every tool can be had on a common machine', () => {
  for (const tool of toolNames) {
    const pin = pins[tool]
    expect(
      [pin.build, downloadFor(pin, 'linux', 'x64'), wheelFor(pin, 'linux', 'x64')].some(
        way => way !== undefined,
      ),
    ).toBe(true)
  }
})
