// Opens a SQLite file as the service does and prints how many leases it has: node open-sqlite.ts FILE
import { openDatabase } from '../../src/database/open-database.ts'

const [, , file = ''] = process.argv
const { database } = await openDatabase(
  {
    DATABASE_URL: { kind: 'sqlite', file },
    DATABASE_PASSWORD: undefined,
    DATABASE_PASSWORD_FILE: undefined,
    DATABASE_CA_FILE: undefined,
    DATABASE_TLS_NAME: undefined,
    DATABASE_AUTHENTICATION: 'password',
    DATABASE_TLS: 'verify',
  },
  () => {},
)
const leases = await database.selectFrom('leases').select('name').execute()
process.stdout.write(String(leases.length))
await database.destroy()
