import { runService } from '@mlp/service-kit/run'
import { gatewayService } from './gateway.ts'
import { gatewaySettings } from './settings.ts'

await runService(gatewayService, gatewaySettings)
