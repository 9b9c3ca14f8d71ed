import { availableParallelism, cpus, loadavg } from 'node:os'
import { monitorEventLoopDelay } from 'node:perf_hooks'

/** What this machine had left while a load was sent from it. */
export interface MachineUse {
  /** Share of its processors' time, from 0 to 1. */
  readonly idle: number
  /** How late this process came to its turn, 95th percentile: what passes through it waits as long. */
  readonly lateMs: number
  /** Processes that wanted a processor in the last minute, for each that there is. */
  readonly waiting: number
}

const least = { idle: 0.1, lateMs: 100, waiting: 3 }
const sampleMs = 20

/** Whoever measures from a machine that has no time to spare measures the machine. */
export function cannotMeasure({ idle, lateMs, waiting }: MachineUse): boolean {
  return idle < least.idle || lateMs > least.lateMs || waiting > least.waiting
}

export function describeUse({ idle, lateMs, waiting }: MachineUse): string {
  return `${Math.round(idle * 100)} % of its processors idle, ${waiting.toFixed(1)} processes waiting for each, mlp’s own turn ${Math.round(lateMs)} ms late`
}

/** From now until what it returns is called. */
export function watchMachine(): () => MachineUse {
  const before = processorTimes()
  const delays = monitorEventLoopDelay({ resolution: sampleMs })
  delays.enable()
  return () => {
    delays.disable()
    const after = processorTimes()
    const all = after.all - before.all
    return {
      idle: all === 0 ? 1 : (after.idle - before.idle) / all,
      lateMs: Math.max(0, delays.percentile(95) / 1e6 - sampleMs),
      waiting: (loadavg()[0] ?? 0) / availableParallelism(),
    }
  }
}

function processorTimes(): { readonly idle: number; readonly all: number } {
  const times = cpus().map(cpu => cpu.times)
  return {
    idle: times.reduce((sum, { idle }) => sum + idle, 0),
    all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0),
  }
}
