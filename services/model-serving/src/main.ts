import './inference/no-telemetry.ts'
import { runService } from '@mlp/service-kit/run'
import { modelServing } from './service.ts'
import { settingsSchema } from './settings.ts'

await runService(modelServing, settingsSchema)
