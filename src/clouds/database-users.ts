interface DatabaseUser {
  /** As the database has it. */
  readonly name: string
  /** Of its own, for its tables. */
  readonly schema: string
  /** Of its Entra identity, by which SQL Server knows it. */
  readonly clientId?: string | undefined
}

/** Who keeps records in phase 1's database, under the name by which each cloud's identity is known there. */
export function databaseUsers(
  nameOf: (service: 'data-sync') => string,
  clientIdOf: (service: 'data-sync') => string | undefined = () => undefined,
) {
  return {
    'data-sync': { name: nameOf('data-sync'), schema: 'data_sync', clientId: clientIdOf('data-sync') },
  } satisfies Readonly<Record<string, DatabaseUser>>
}

/** Without a password, which no URL should hold. */
export function databaseUrl(
  kind: 'postgres' | 'mssql',
  user: string,
  { host, port, name }: { readonly host: string; readonly port: number; readonly name: string },
): string {
  return `${kind}://${encodeURIComponent(user)}@${host}:${port}/${name}`
}
