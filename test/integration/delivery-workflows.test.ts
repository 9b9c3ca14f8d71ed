import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { defaultSandboxConfig } from '../../src/config/defaults.ts'
import { deliveryOf } from '../../src/config/delivery.ts'
import type { Config } from '../../src/config/schema.ts'
import { pipelineFiles } from '../../src/phases/6-delivery/workflows.ts'
import { program } from '../support/programs.ts'

const run = promisify(execFile)
const templates = fileURLToPath(new URL('../../templates', import.meta.url))
/** It may have to be built, on a machine that is busy elsewhere. */
const buildTimeoutMs = 900_000
const hasZizmor = await run('zizmor', ['--version']).then(
  () => true,
  () => false,
)
const variants: readonly (readonly [string, Config])[] = [
  ['without keys', defaultSandboxConfig()],
  [
    'with keys, in prod',
    {
      ...defaultSandboxConfig('prod'),
      delivery: { repository: 'acme/platform', credentials: 'keys', approvals: ['grace'], mlp: 'acme/mlp' },
    },
  ],
]

describe.each(variants)('the workflows, %s', (_, config) => {
  let folder = ''
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mlp-workflows-'))
    await run('git', ['init', '--quiet', folder])
    const delivery = deliveryOf(config)
    if (delivery === undefined) throw new Error('no delivery')
    for (const [path, text] of await pipelineFiles({ config, templates }, delivery)) {
      await mkdir(dirname(join(folder, path)), { recursive: true })
      await writeFile(join(folder, path), text)
    }
  })
  afterAll(() => rm(folder, { recursive: true, force: true }))

  test(
    'actionlint finds nothing',
    async () => {
      const { stdout } = await run(await program('actionlint'), ['-no-color'], { cwd: folder })
      expect(stdout).toBe('')
    },
    buildTimeoutMs,
  )

  // From PyPI: .ci/run installs it where Python is.
  test.skipIf(!hasZizmor)('zizmor finds nothing, even when it is pedantic', async () => {
    const { stdout, stderr } = await run('zizmor', ['--offline', '--pedantic', '--no-progress', folder])
    expect(`${stdout}${stderr}`).toContain('No findings to report')
  })

  test('bash takes the script', async () => {
    await run('bash', ['-n', join(folder, '.github/mlp/set-up.sh')])
  })
})
