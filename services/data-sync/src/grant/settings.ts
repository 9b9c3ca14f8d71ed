import * as z from 'zod'
import { databaseSettings, plainName } from '../database/settings.ts'

const usersSchema = z
  .array(
    z.strictObject({
      /** As the database has it. */
      name: z.string().min(1),
      /** Where its tables are to be, and nobody else's. */
      schema: plainName,
      /** SQL Server knows Entra's identities by it: asking Entra for a name would take rights of the server's own. */
      clientId: z.guid().optional(),
    }),
  )
  .min(1)
export type DatabaseUsers = z.output<typeof usersSchema>

const { DATABASE_URL, DATABASE_CA_FILE, DATABASE_TLS_NAME } = databaseSettings

export const grantSettings = z
  .object({
    ...{ DATABASE_URL, DATABASE_CA_FILE, DATABASE_TLS_NAME },
    /** How the administrator signs in, which also says how this database knows users of the cloud's identity. */
    DATABASE_AUTHENTICATION: z.enum(['aws-secret', 'google-iam', 'entra']),
    /** `aws-secret`: where RDS keeps the master user's password. */
    DATABASE_SECRET_ARN: z.string().startsWith('arn:').optional(),
    /** Who is to have what, as JSON. */
    DATABASE_USERS: z.string().transform((text, context) => {
      try {
        const users = usersSchema.safeParse(JSON.parse(text))
        if (users.success) return users.data
        context.addIssue({ code: 'custom', message: z.prettifyError(users.error) })
      } catch {
        context.addIssue({ code: 'custom', message: 'expected JSON' })
      }
      return z.NEVER
    }),
  })
  .refine(
    settings =>
      (settings.DATABASE_AUTHENTICATION === 'aws-secret') === (settings.DATABASE_SECRET_ARN !== undefined),
    { path: ['DATABASE_SECRET_ARN'], error: 'goes with DATABASE_AUTHENTICATION=aws-secret' },
  )
export type GrantSettings = z.output<typeof grantSettings>
