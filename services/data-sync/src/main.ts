import { runService } from '@mlp/service-kit/run'
import { dataSync } from './service.ts'
import { settingsSchema } from './settings.ts'

await runService(dataSync, settingsSchema)
