import { findCached } from './cache.ts'
import type { PathFinding } from './found-on-path.ts'
import type { ToolName, ToolReport } from './toolchain.ts'
import { downloadFor, fits, type Pin, type Pins, toolNames, wheelFor } from './versions.ts'

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
  const common = {
    tool,
    wanted: pin.version,
    accepted: `from ${pin.accept.from}, below ${pin.accept.below}`,
    ways: [
      ...(downloadFor(pin) === undefined && wheelFor(pin) === undefined ? [] : (['download'] as const)),
      ...(pin.build === undefined ? [] : (['build'] as const)),
    ],
  }
  if (onPath?.version !== undefined && fits(onPath.version, pin.accept)) {
    return { ...common, found: onPath.version, origin: 'path', path: onPath.path, remedy: [] }
  }
  const cached = await findCached(cache, tool, pin.version)
  if (cached !== undefined) {
    return { ...common, found: pin.version, origin: cached.origin, path: cached.path, remedy: [] }
  }
  const remedy = [`Install ${tool} ${pin.version} (or another ${common.accepted}) and put it on PATH.`]
  return { ...common, found: onPath?.version ?? null, origin: 'missing', path: onPath?.path ?? null, remedy }
}
