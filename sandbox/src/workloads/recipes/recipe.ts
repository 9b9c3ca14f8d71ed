import type { ToolName } from '../../../../src/tools/toolchain/toolchain.ts'
import type { ApiClient } from '../../kubernetes/api-client.ts'
import type { Container, Pod } from '../pod.ts'

/**
 * How an image from elsewhere, which nobody can pull here, is put together: programs of the same version from the
 * toolchain, at the paths and under the configuration that the real image has. Pods of such images really run.
 */
export interface Recipe {
  /** Program and version, for who asks what is real here. */
  readonly what: string
  /** Regular expression of whole references, of the one version that the toolchain has: `^docker\.io/…:1\.2\.3$`. */
  readonly images: string
  /** Toolchain's program by its absolute path in the image. */
  readonly programs: Readonly<Record<string, ToolName>>
  /** Text by absolute path. */
  files?(programs: ReadonlyMap<ToolName, string>): Promise<Readonly<Record<string, string>>>
  /** What the image's own configuration says, and what plain programs need to be told here. */
  readonly entrypoint: readonly string[]
  readonly user: string
  readonly workingDirectory?: string
  readonly environment: Readonly<Record<string, string>>
  /** Whether it is of use only where a pod's traffic can be redirected. */
  readonly needsRedirection?: boolean
  /** Why a container of it does not run, when the sandbox does its work. */
  plays?(container: Container): string | undefined
  /** Whether a container that is played has ended by then, instead of going on for ever. */
  readonly ends?: boolean
  /** Objects that have to be there before a pod of it starts. */
  prepare?(pod: Pod, client: ApiClient): Promise<void>
}

/** What recipes need of the toolchain. */
export interface RecipePrograms {
  /** Absolute path; waits while it is downloaded or built. */
  find(tool: ToolName): Promise<string>
  /** Whether this machine has it, or what it takes to get it. */
  isObtainable(tool: ToolName): Promise<boolean>
}
