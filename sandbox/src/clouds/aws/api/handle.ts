import type { IncomingMessage, ServerResponse } from 'node:http'
import type { World } from '../../../world.ts'
export async function handle(
  _request: IncomingMessage,
  response: ServerResponse,
  _world: World,
): Promise<void> {
  response.end()
}
