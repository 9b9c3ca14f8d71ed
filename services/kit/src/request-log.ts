import type { FastifyBaseLogger } from 'fastify'

type Level = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace'
type ChildOptions = Parameters<FastifyBaseLogger['child']>[1]

/**
 * A request's logger, made of the service's only once something is logged with it: most requests log nothing but
 * their last line, and a pino logger for each costs more than that line.
 */
export class RequestLog implements FastifyBaseLogger {
  readonly #service: FastifyBaseLogger
  readonly #bindings: Record<string, unknown>
  readonly #options: ChildOptions
  #made: FastifyBaseLogger | undefined

  constructor(service: FastifyBaseLogger, bindings: Record<string, unknown>, options: ChildOptions) {
    this.#service = service
    this.#bindings = bindings
    this.#options = options
  }

  get level(): string {
    return this.#logger.level
  }
  set level(level: string) {
    this.#logger.level = level
  }
  get silent(): FastifyBaseLogger['silent'] {
    return this.#logger.silent
  }

  get #logger(): FastifyBaseLogger {
    this.#made ??= this.#service.child(this.#bindings, this.#options)
    return this.#made
  }
  #write(level: Level, line: readonly unknown[]): void {
    const logger = this.#logger
    Reflect.apply(logger[level], logger, line)
  }

  child(bindings: Record<string, unknown>, options?: ChildOptions): FastifyBaseLogger {
    return new RequestLog(this.#logger, bindings, options)
  }
  fatal(...line: readonly unknown[]): void {
    this.#write('fatal', line)
  }
  error(...line: readonly unknown[]): void {
    this.#write('error', line)
  }
  warn(...line: readonly unknown[]): void {
    this.#write('warn', line)
  }
  info(...line: readonly unknown[]): void {
    this.#write('info', line)
  }
  debug(...line: readonly unknown[]): void {
    this.#write('debug', line)
  }
  trace(...line: readonly unknown[]): void {
    this.#write('trace', line)
  }
}
