import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { findLivingTerraform } from '../../../../src/tools/terraform/living.ts'

const deadline = { timeout: 30_000, interval: 20 }

/** A process with terraform's arguments, which `sh` ignores; it ends when it is killed. */
function planIn(folder: string) {
  const child = spawn('sh', ['-c', 'sleep 600 & wait', 'terraform', `-chdir=${folder}`, 'plan', '-json'], {
    detached: true,
    stdio: 'ignore',
  })
  const ended = new Promise(resolve => child.once('exit', resolve))
  const kill = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null)
      process.kill(-child.pid, 'SIGKILL')
    await ended
  }
  onTestFinished(kill)
  return { pid: child.pid, kill }
}

test('a plan of that folder is found until it has ended, however lately it was asked; others are not', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mlp-test-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const [mine, other] = [join(folder, 'aws-cluster'), join(folder, 'aws')]
  expect(await findLivingTerraform(mine)).toBeUndefined()
  const { pid, kill } = planIn(mine)
  await vi.waitFor(async () => expect(await findLivingTerraform(mine)).toBe(pid), deadline)
  expect(await findLivingTerraform(other)).toBeUndefined()
  await kill()
  expect(await findLivingTerraform(mine)).toBeUndefined()
})
