import { frame, type LiveTask } from './frame.ts'
import type { LiveRegion } from './live-region.ts'
import type { Palette } from './palette.ts'
import type { RunModel } from './run-model.ts'
import { cut } from './text.ts'

/** Lines that stay, and below them what runs, drawn again and again until `stop`. */
export class Screen {
  readonly #region: LiveRegion
  readonly #model: RunModel
  readonly #palette: Palette
  readonly #now: () => Date
  readonly #tasks = new Set<LiveTask>()
  readonly #held: string[] = []
  #tick = 0
  #pauses = 0
  #stopped = false
  readonly #notes = new Map<string, string>()

  constructor(region: LiveRegion, model: RunModel, colours: Palette, now: () => Date) {
    this.#region = region
    this.#model = model
    this.#palette = colours
    this.#now = now
  }

  add(task: LiveTask): void {
    this.#tasks.add(task)
  }

  remove(task: LiveTask): void {
    this.#tasks.delete(task)
  }

  columns(): number {
    return this.#region.size().columns
  }

  /** Something that is no step: a tool being built in the background. Undefined: it is ready, and no news any more. */
  note(tool: string, message: string | undefined): void {
    this.#notes.delete(tool)
    if (message !== undefined) this.#notes.set(tool, `${tool}: ${message}`)
  }

  print(lines: readonly string[]): void {
    if (this.#pauses > 0) this.#held.push(...lines)
    else this.#region.print(lines)
  }

  draw(): void {
    if (this.#stopped || this.#pauses > 0) return
    const { rows, columns } = this.#region.size()
    const newest = [...this.#notes.values()].at(-1)
    const noted = newest === undefined || rows < 4 ? [] : [this.#palette.quiet(cut(newest, columns))]
    const options = { rows: rows - noted.length, columns, now: this.#now().getTime(), palette: this.#palette }
    this.#tick += 1
    this.#region.draw([...frame(this.#model, [...this.#tasks], { ...options, tick: this.#tick }), ...noted])
  }

  pause(): () => void {
    this.#pauses += 1
    this.#region.clear()
    return () => {
      this.#pauses -= 1
      if (this.#pauses > 0) return
      this.#region.print(this.#held.splice(0))
      this.draw()
    }
  }

  stop(): void {
    if (this.#stopped) return
    this.#stopped = true
    this.#region.clear()
  }
}
