import * as z from 'zod'

const secretSchema = z.object({ password: z.string().min(1) })

/** The master user's password, which RDS makes, keeps and rotates in Secrets Manager; read, and kept nowhere. */
export async function masterPassword(secretArn: string): Promise<string> {
  const { GetSecretValueCommand, SecretsManagerClient } = await import('@aws-sdk/client-secrets-manager')
  const client = new SecretsManagerClient({})
  try {
    const { SecretString } = await client.send(new GetSecretValueCommand({ SecretId: secretArn }))
    return secretSchema.parse(JSON.parse(SecretString ?? 'null')).password
  } finally {
    client.destroy()
  }
}
