import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { openIstioctl } from '../../../../src/tools/istioctl/istioctl.ts'

let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mlp-istioctl-'))
})
afterEach(() => rm(folder, { recursive: true, force: true }))

/** An istioctl that fails with `said` as often as it is told, and counts how often it was called. */
async function failing(said: string, times: number) {
  const binary = join(folder, 'istioctl')
  const calls = join(folder, 'calls')
  const script = `#!/bin/sh\necho "$1" >> '${calls}'\n[ "$(wc -l < '${calls}')" -gt ${times} ] && exit 0\necho 'Error: ${said}' >&2\nexit 1\n`
  await writeFile(binary, script, { mode: 0o755 })
  const context = { signal: new AbortController().signal, emit: () => {} }
  const istioctl = openIstioctl(context, { binary, kubeconfig: '/nowhere', context: 'aws-dev' })
  return { istioctl, calls: async () => (await readFile(calls, 'utf8')).trim().split('\n').length }
}

test.each([
  'context deadline exceeded',
  'net/http: request canceled (Client.Timeout exceeded while awaiting headers)',
])('an installation is repeated where the API server was only slow to answer: %s', async said => {
  const { istioctl, calls } = await failing(`Patch "https://127.0.0.1:1/apis": ${said}`, 1)
  await istioctl.install('overlay.yaml')
  expect(await calls()).toBe(2)
})

test('what will not come right by itself is told at once', async () => {
  const { istioctl, calls } = await failing('unknown field "spec.profil"', 9)
  await expect(istioctl.install('overlay.yaml')).rejects.toMatchObject({ code: 'MLP2210' })
  expect(await calls()).toBe(1)
})
