import { wholeNumber } from '@mlp/service-kit/settings'
import * as z from 'zod'
import { databaseSettings } from '../database/settings.ts'

const { DATABASE_URL, DATABASE_AUTHENTICATION, DATABASE_SCHEMA, DATABASE_CA_FILE, DATABASE_TLS_NAME } =
  databaseSettings

/** As whom and where every client of the proxy is let in. */
export const proxySettings = z.object({
  ...{ DATABASE_URL, DATABASE_AUTHENTICATION, DATABASE_SCHEMA, DATABASE_CA_FILE, DATABASE_TLS_NAME },
  PORT: wholeNumber(0, 65_535).default(5432),
})
export type ProxySettings = z.output<typeof proxySettings>
