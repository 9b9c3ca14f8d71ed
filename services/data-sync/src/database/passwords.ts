/** Gives the password for the next connection: a fixed one, or a token that the cloud issues for a short time. */
export type PasswordProvider = () => Promise<string>

export interface DatabaseAddress {
  readonly host: string
  readonly port: number
  readonly user: string
}

/** The SDKs are loaded only where they are asked for. */
export const passwordProviders = {
  /** RDS IAM authentication: a signature made here, valid for 15 minutes. */
  'aws-iam': async ({ host, port, user }: DatabaseAddress): Promise<PasswordProvider> => {
    const { Signer } = await import('@aws-sdk/rds-signer')
    const signer = new Signer({ hostname: host, port, username: user })
    return () => signer.getAuthToken()
  },
  /** Cloud SQL IAM authentication: the service account's access token. */
  'google-iam': async (): Promise<PasswordProvider> => {
    const { GoogleAuth } = await import('google-auth-library')
    const auth = new GoogleAuth({ scopes: 'https://www.googleapis.com/auth/sqlservice.login' })
    return async () => required(await auth.getAccessToken(), 'Google')
  },
  /** Entra ID on Azure Database for PostgreSQL. */
  entra: async (): Promise<PasswordProvider> => {
    const { DefaultAzureCredential } = await import('@azure/identity')
    const credential = new DefaultAzureCredential()
    return async () => (await credential.getToken('https://ossrdbms-aad.database.windows.net/.default')).token
  },
}

function required(token: string | null | undefined, issuer: string): string {
  if (token === null || token === undefined) throw new Error(`${issuer} issued no token for the database`)
  return token
}
