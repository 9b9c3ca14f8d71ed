import { findCached } from './cache.ts'
import type { PathFinding } from './found-on-path.ts'
import type { ToolName, ToolReport } from './toolchain.ts'
import { downloadFor, fits, type Pin, type Pins, toolNames } from './versions.ts'

/** Where each tool stands, without getting any. */
export async function report(
  pins: Pins,
  cache: string,
  onPath: (tool: ToolName) => Promise<PathFinding | undefined>,
): Promise<readonly ToolReport[]> {
  return await Promise.all(
    toolNames.map(async tool => await reportOf(tool, pins[tool], cache, await onPath(tool))),
  )
}

async function reportOf(
  tool: ToolName,
  pin: Pin,
  cache: string,
  onPath: PathFinding | undefined,
): Promise<ToolReport> {
  const wanted = `${pin.version} (on PATH: from ${pin.accept.from}, below ${pin.accept.below})`
  const obtainable = pin.build !== undefined || downloadFor(pin) !== undefined
  if (onPath?.version !== undefined && fits(onPath.version, pin.accept)) {
    return { tool, wanted, found: onPath.version, origin: 'path', path: onPath.path, obtainable, remedy: [] }
  }
  const cached = await findCached(cache, tool, pin.version)
  if (cached !== undefined) {
    return {
      tool,
      wanted,
      found: pin.version,
      origin: cached.origin,
      path: cached.path,
      obtainable,
      remedy: [],
    }
  }
  return {
    tool,
    wanted,
    found: onPath?.version ?? null,
    origin: 'missing',
    path: onPath?.path ?? null,
    obtainable,
    remedy: [howToGet(tool, pin)],
  }
}

function howToGet(tool: ToolName, pin: Pin): string {
  const ways = [
    ...(downloadFor(pin) === undefined ? [] : ['downloads and checks it']),
    ...(pin.build === undefined ? [] : ['builds it from source (this needs Go)']),
  ]
  const byHand = `Install ${tool} ${pin.version} and put it on PATH`
  if (ways.length === 0) return `${byHand}: mlp knows no checksum of its release for this machine.`
  const unchecked =
    downloadFor(pin) === undefined ? ' No download is offered: no checksum of its release is known here.' : ''
  return `Nothing to do: mlp ${ways.join(', or else ')} when it is first needed. Or: ${byHand}.${unchecked}`
}
