import * as z from 'zod'
import { environmentNames } from '../config/schema.ts'

/*
 * What each command is given: the command line after commander has read it. program.ts defines the flags, the
 * schemas here turn what they hold into types.
 */

const cloud = z.enum(['aws', 'gcp', 'azure'])
const phase = z.union([
  z.literal(1),
  z.literal(2),
  z.literal(3),
  z.literal(4),
  z.literal(5),
  z.literal(6),
  z.literal(7),
  z.literal(8),
])

const globalShape = {
  /** As written; undefined: mlp.yaml in the working folder. */
  config: z.string().optional(),
  env: z.enum(environmentNames).optional(),
  target: z.enum(['sandbox', 'cloud']).optional(),
  json: z.boolean().default(false),
  yes: z.boolean().default(false),
  quiet: z.boolean().default(false),
  verbose: z.boolean().default(false),
  /** From --color and --no-color; undefined: the environment and the terminal decide. */
  color: z.boolean().optional(),
}
const consentShape = {
  /** The project's name, typed as an answer. */
  confirm: z.string().optional(),
  destroyData: z.boolean().default(false),
  finalSnapshot: z.boolean().default(true),
  /** terraform addresses. */
  allowReplace: z.array(z.string()).default([]),
  allowProduction: z.boolean().default(false),
  /** Above the budget of mlp.yaml, or of unknown cost. */
  acceptCost: z.boolean().default(false),
  /** Take over what somebody else made under the names that mlp uses. */
  adopt: z.boolean().default(false),
  /** Go back to the pods that ran before where a rollout is stuck. */
  rollback: z.boolean().default(false),
}
const kubeconfigShape = {
  /** Also into the user's own kubeconfig. */
  mergeKubeconfig: z.boolean().default(false),
  /** The clouds' own exec plugins in place of `mlp token`; undefined leaves a context as it is. */
  nativePlugins: z.boolean().optional(),
}
const rangeShape = {
  from: phase.optional(),
  to: phase.optional(),
  /** Empty: all clouds of the configuration. */
  cloud: z.array(cloud).default([]),
}

const globalOptions = z.object(globalShape)
export const consentOptions = z.object({ ...globalShape, ...consentShape })
export const initOptions = z.object({
  ...globalShape,
  /** Folder to write; undefined: the working folder. */
  folder: z.string().optional(),
  project: z.string().optional(),
  owner: z.string().optional(),
  domain: z.string().optional(),
  /** Empty: all that were found, else all three. */
  cloud: z.array(cloud).default([]),
  awsAccount: z.string().optional(),
  awsRegion: z.string().optional(),
  gcpProject: z.string().optional(),
  gcpRegion: z.string().optional(),
  azureSubscription: z.string().optional(),
  azureLocation: z.string().optional(),
})
export const loginOptions = z.object({ ...globalShape, cloud: cloud.optional() })
export const doctorOptions = z.object({ ...globalShape, printPolicy: cloud.optional() })
export const planOptions = z.object({ ...globalShape, ...rangeShape })
export const bootstrapOptions = z.object({
  ...globalShape,
  ...consentShape,
  ...rangeShape,
  ...kubeconfigShape,
})
export const phaseOptions = z.object({
  ...globalShape,
  ...consentShape,
  ...kubeconfigShape,
  phase,
  /** Empty: all. */
  step: z.array(z.string()).default([]),
  cloud: z.array(cloud).default([]),
  /** Milliseconds to wait for a lock that another mlp holds. */
  lockWait: z.number().optional(),
  /** Apply again what looks done. */
  force: z.boolean().default(false),
  chaos: z.boolean().default(false),
  signOff: z.array(z.string()).default([]),
})
export const verifyOptions = z.object({
  ...globalShape,
  phase: phase.optional(),
  cloud: z.array(cloud).default([]),
  /** Milliseconds to go on asking until all is healthy; undefined: ask once. */
  wait: z.number().optional(),
  watch: z.boolean().default(false),
  /** File to write a JUnit report to. */
  junit: z.string().optional(),
  goLive: z.boolean().default(false),
  /** Writes what somebody needs who helps, when a check fails. */
  supportBundleOnFailure: z.boolean().default(false),
  output: z.enum(['full', 'short']).default('full'),
})
export const statusOptions = z.object(globalShape)
export const teardownOptions = z.object({ ...globalShape, ...consentShape, ...rangeShape })
export const reportOptions = z.object({
  ...globalShape,
  /** Id of a run; undefined: the last one. */
  run: z.string().optional(),
  checklist: z.boolean().default(false),
  /** A folder, for documentation of the platform as it is now. */
  docs: z.string().optional(),
})
export const renderOptions = z.object({ ...globalShape, folder: z.string() })
export const tokenOptions = z.object({ ...globalShape, cloud, cluster: z.string() })
export const unlockOptions = z.object({ ...globalShape, id: z.string() })
export const sandboxOptions = z.object({
  ...globalShape,
  action: z.enum(['start', 'stop', 'status', 'env', 'reset']),
})
export const completionOptions = z.object({
  ...globalShape,
  shell: z.enum(['bash', 'zsh', 'fish']),
})

export type GlobalOptions = z.infer<typeof globalOptions>
export type ConsentOptions = z.infer<typeof consentOptions>
export type InitOptions = z.infer<typeof initOptions>
export type LoginOptions = z.infer<typeof loginOptions>
export type DoctorOptions = z.infer<typeof doctorOptions>
export type PlanOptions = z.infer<typeof planOptions>
export type BootstrapOptions = z.infer<typeof bootstrapOptions>
export type PhaseOptions = z.infer<typeof phaseOptions>
export type VerifyOptions = z.infer<typeof verifyOptions>
export type StatusOptions = z.infer<typeof statusOptions>
export type TeardownOptions = z.infer<typeof teardownOptions>
export type ReportOptions = z.infer<typeof reportOptions>
export type RenderOptions = z.infer<typeof renderOptions>
export type TokenOptions = z.infer<typeof tokenOptions>
export type UnlockOptions = z.infer<typeof unlockOptions>
export type SandboxOptions = z.infer<typeof sandboxOptions>
export type CompletionOptions = z.infer<typeof completionOptions>
