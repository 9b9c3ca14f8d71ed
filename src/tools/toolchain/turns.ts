import { setTimeout as sleep } from 'node:timers/promises'
import { MlpError } from '../../engine/errors.ts'
import { acquireLease, type Lease, readLease } from '../../engine/lock.ts'

/**
 * Does `work` while no other process does work under the same lock file. Waits as long as the holder lives, and says
 * for whom; a dead holder is taken over. `signal` ends the waiting with its own reason.
 */
export async function inTurn<T>(
  file: string,
  command: string,
  signal: AbortSignal,
  onWait: (holder: string) => void,
  work: () => Promise<T>,
): Promise<T> {
  const turn = await takeTurn(file, command, signal, onWait)
  let result: T
  try {
    result = await work()
  } catch (error) {
    // Why the work failed (a full disk, say) may be why the lock cannot be given back; the first is what to tell.
    await turn.release().catch(() => undefined)
    throw error
  }
  await turn.release()
  return result
}

async function takeTurn(
  file: string,
  command: string,
  signal: AbortSignal,
  onWait: (holder: string) => void,
): Promise<Lease> {
  let told: string | undefined
  for (;;) {
    signal.throwIfAborted()
    try {
      return await acquireLease({ file, command })
    } catch (error) {
      if (!(error instanceof MlpError) || error.code !== 'MLP5220') throw error
    }
    const holder = await readLease(file)
    if (holder !== undefined && holder.id !== told) {
      told = holder.id
      onWait(`process ${holder.pid} of ${holder.user} on ${holder.host}: ${holder.command}`)
    }
    // Two who wait must not ask in step.
    await sleep(200 + Math.random() * 100)
  }
}
