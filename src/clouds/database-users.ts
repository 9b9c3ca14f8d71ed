interface DatabaseUser {
  /** As the database has it. */
  readonly name: string
  /** Of its own, for its tables. */
  readonly schema: string
  /** Of its Entra identity, by which SQL Server knows it. */
  readonly clientId?: string | undefined
}
type Keeper = 'data-sync' | 'mlflow'

/** Who keeps records in phase 1's database, under the name by which each cloud's identity is known there. */
export function databaseUsers(
  nameOf: (keeper: Keeper) => string,
  clientIdOf: (keeper: Keeper) => string | undefined = () => undefined,
): Readonly<Record<Keeper, DatabaseUser>> {
  return {
    'data-sync': {
      name: nameOf('data-sync'),
      schema: 'data_sync',
      clientId: clientIdOf('data-sync'),
    },
    mlflow: { name: nameOf('mlflow'), schema: 'mlflow', clientId: clientIdOf('mlflow') },
  }
}

/** Without a password, which no URL should hold. */
export function databaseUrl(
  kind: 'postgres' | 'mssql',
  user: string,
  { host, port, name }: { readonly host: string; readonly port: number; readonly name: string },
): string {
  return `${kind}://${encodeURIComponent(user)}@${host}:${port}/${name}`
}

/** MLflow's, which its manifest names: where artifacts are. */
export const artifactsVariable = 'ARTIFACTS_DESTINATION'
