import type { CloudTarget } from '../target.ts'

/** A service principal's secret, where one is named by the SDK's own variables; `az login` leaves nothing to copy. */
export async function staticCredentials(
  target: CloudTarget,
): Promise<Readonly<Record<string, string>> | undefined> {
  const environment = { ...process.env, ...target.environment }
  const tenant = environment['AZURE_TENANT_ID']
  const client = environment['AZURE_CLIENT_ID']
  const secret = environment['AZURE_CLIENT_SECRET']
  if (tenant === undefined || client === undefined || secret === undefined) return undefined
  return { 'tenant-id': tenant, 'client-id': client, 'client-secret': secret }
}
