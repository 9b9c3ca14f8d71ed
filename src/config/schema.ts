import * as z from 'zod'

/** Words of lower-case letters and digits, joined by single hyphens: what every cloud allows in most names. */
export const projectPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/

const nodes = z.strictObject({
  min: z.int().min(1).max(1000),
  max: z.int().min(1).max(1000),
  type: z.string().min(1),
  spot: z.boolean(),
})
const gpuNodes = z.strictObject({
  min: z.int().min(0),
  max: z.int().min(1),
  type: z.string().min(1),
  spot: z.boolean(),
})
const cidr = z.string().regex(/^\d{1,3}(\.\d{1,3}){3}\/\d{1,2}$/)
const network = z.strictObject({ cidr, pods: cidr, services: cidr })

const common = {
  nodes,
  gpuNodes: gpuNodes.optional(),
  kubernetesVersion: z.string().regex(/^1\.\d{2}$/),
  network,
}
export const awsSchema = z.strictObject({
  accountId: z.string().regex(/^\d{12}$/),
  region: z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/),
  ...common,
})
export const gcpSchema = z.strictObject({
  projectId: z.string().regex(/^[a-z][a-z0-9-]{4,28}[a-z0-9]$/),
  region: z.string().regex(/^[a-z]+-[a-z]+\d$/),
  ...common,
})
export const azureSchema = z.strictObject({
  subscriptionId: z.guid(),
  tenantId: z.guid().optional(),
  location: z.string().regex(/^[a-z0-9]+$/),
  ...common,
})

/** The validated mlp.yaml with defaults filled in; plain data. */
export const configSchema = z.strictObject({
  apiVersion: z.literal('mlp.dev/v1'),
  project: z.string().min(3).max(24).regex(projectPattern),
  environment: z.enum(['dev', 'staging', 'prod']),
  target: z.enum(['sandbox', 'cloud']),
  owner: z.string().min(1),
  clouds: z.strictObject({
    aws: awsSchema.optional(),
    gcp: gcpSchema.optional(),
    azure: azureSchema.optional(),
  }),
  database: z.strictObject({ engine: z.enum(['postgresql', 'azure-sql']) }),
  domain: z.string().optional(),
  budget: z.strictObject({ amount: z.number().positive(), currency: z.string().length(3) }).optional(),
  credentials: z.enum(['workload-identity', 'static-secret']),
})
export type Config = z.infer<typeof configSchema>
export type AwsConfig = z.infer<typeof awsSchema>
export type GcpConfig = z.infer<typeof gcpSchema>
export type AzureConfig = z.infer<typeof azureSchema>
