import { totalmem } from 'node:os'

const mebibyte = 2 ** 20
/** Three clouds, two roots each, and for each a terraform and a provider. */
const processesAtOnce = 12
/** terraform with a real provider's schemas keeps some hundred MiB; a limit near to that would make collection dearer. */
const leastShareMib = 1024

/**
 * How Go's garbage collector works in terraform and its providers: rarer. Each lives for seconds, and to collect what
 * its end frees anyway takes about a seventh of the processor time of a plan (docs/measurements.md), at the price of
 * memory: so only where the machine has plenty, with a limit from which on the collector works as hard as ever. Empty
 * where the operator has said something about either.
 */
export function collectorSettings(
  environment: Readonly<Record<string, string | undefined>> = process.env,
  memoryBytes = memoryOfThisMachine(),
): Readonly<Record<string, string>> {
  const shareMib = Math.floor(memoryBytes / processesAtOnce / mebibyte)
  if (environment['GOGC'] !== undefined || environment['GOMEMLIMIT'] !== undefined) return {}
  return shareMib < leastShareMib ? {} : { GOGC: '400', GOMEMLIMIT: `${shareMib}MiB` }
}

/** Of a container what it may take, where that is less. */
function memoryOfThisMachine(): number {
  const allowed = process.constrainedMemory()
  return allowed > 0 ? Math.min(allowed, totalmem()) : totalmem()
}
