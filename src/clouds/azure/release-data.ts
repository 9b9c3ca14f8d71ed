import * as z from 'zod'
import type { AzurePlatform } from './platform.ts'

const lock = z.object({ id: z.string(), name: z.string() })
const ourLock = 'mlp-protect-data'

/**
 * Before a teardown that destroys data: a last backup of the database, then the locks that protect data in prod are
 * lifted. Storage accounts and registries need no emptying: Azure deletes them with what is in them, and keeps
 * deleted accounts recoverable for 14 days.
 */
export async function releaseData(
  platform: AzurePlatform,
  options: { readonly finalSnapshot: boolean },
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  if (options.finalSnapshot && platform.options.config.database.engine === 'postgresql')
    await backUpPostgresql(platform, signal, report)
  await liftLocks(platform, signal, report)
}

const server = z.object({ sku: z.object({ tier: z.string() }).optional() })

/**
 * An on-demand backup. A deleted server can be restored from its backups for five days.
 * Source: https://learn.microsoft.com/azure/postgresql/flexible-server/how-to-restore-dropped-server
 */
async function backUpPostgresql(
  platform: AzurePlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const arm = await platform.arm()
  const id = `${platform.resourceGroupId}/providers/Microsoft.DBforPostgreSQL/flexibleServers/${platform.names.database}`
  const found = await arm.get(id, '2024-08-01', server, signal)
  if (found === undefined) return
  if (found.sku?.tier === 'Burstable') {
    report('the Burstable tier has no on-demand backups; the last automatic one is kept for five days')
    return
  }
  const name = `mlp-final-${new Date().toISOString().replace(/\D/g, '').slice(0, 14)}`
  report(`last backup ${name} of ${platform.names.database}`)
  await arm.put(`${id}/backups/${name}`, '2024-08-01', {}, signal)
}

async function liftLocks(
  platform: AzurePlatform,
  signal: AbortSignal,
  report: (message: string) => void,
): Promise<void> {
  const arm = await platform.arm()
  const locks = await arm.list(
    `${platform.resourceGroupId}/providers/Microsoft.Authorization/locks`,
    '2020-05-01',
    lock,
    signal,
  )
  // Only ours: a lock that someone else put there is that person's to lift.
  for (const { id, name } of locks.filter(one => one.name === ourLock)) {
    report(`lifting lock ${name}`)
    await arm.delete(id, '2020-05-01', signal)
  }
}
