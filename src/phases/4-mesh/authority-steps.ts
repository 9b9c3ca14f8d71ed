import type { CloudName } from '../../clouds/cloud.ts'
import { homeCloud } from '../../config/configured-clouds.ts'
import type { Config } from '../../config/schema.ts'
import { MlpError } from '../../engine/errors.ts'
import type { StepId } from '../../engine/step.ts'
import type { ObjectRef } from '../../kube/objects.ts'
import { secretValues } from '../../kube/secret.ts'
import { createRoot, issueIntermediate, type KeyPair } from '../../tools/certificates/issue.ts'
import { daysUntil, isIssuedBy, isPair, readCertificate } from '../../tools/certificates/read.ts'
import { cloudOf } from '../1-infrastructure/cloud-of.ts'
import { openCluster } from '../2-kubernetes/cluster.ts'
import { ownerOf } from '../2-kubernetes/marks.ts'
import type { Context, PlatformStep } from '../phase.ts'
import { istioNamespace, meshNames } from './mesh.ts'
import { secretStep } from './secret-step.ts'

/** Ten years, as the authorities of Kubernetes clusters have: to change a root takes a time with both. */
const rootDays = 3650
const intermediateDays = 365
/** Renewed by the next run. Istio takes up a new one without being started again. */
const intermediateReserveDays = 90
const rootWarningDays = 365

const rootSecret = { name: 'mlp-mesh-root', namespace: istioNamespace }
export const authoritySecret = { name: 'cacerts', namespace: istioNamespace }

function rootStepId(config: Config): StepId {
  return `4.${homeCloud(config)}.mesh-root`
}

/** The key that all trust in the mesh goes back to: made once, in the first cluster, never written over. */
export function rootStep(config: Config): PlatformStep {
  const cloud = homeCloud(config)
  return secretStep({
    cloud,
    name: 'mesh-root',
    title: 'Root authority of the mesh',
    needs: [],
    secret: rootSecret,
    inputs: () => ({}),
    judge: async (_context, values) => {
      const root = rootOf(values)
      return isPair(root.certificatePem, root.keyPem)
        ? undefined
        : 'its key does not belong to its certificate'
    },
    async make(context, _client, present) {
      if (present !== undefined && isPair(rootOf(present).certificatePem, rootOf(present).keyPem))
        return present
      if (present !== undefined) throw damagedRoot(cloud)
      const { meshId } = meshNames(context.config, cloud)
      const root = await createRoot(`${meshId} mesh root`, { now: new Date(), days: rootDays })
      return { 'root-cert.pem': root.certificatePem, 'root-key.pem': root.keyPem }
    },
  })
}

/** What one cluster's istiod signs its workloads' certificates with: a year, below the root that all clusters share. */
export function authorityStep(config: Config, cloud: CloudName): PlatformStep {
  return secretStep({
    cloud,
    name: 'mesh-authority',
    title: 'Certificate authority of the cluster',
    needs: [rootStepId(config)],
    secret: authoritySecret,
    inputs: context => ({ cluster: meshNames(context.config, cloud).cluster }),
    async judge(context, values) {
      const own = readCertificate(values['ca-cert.pem'] ?? '')
      if (own === undefined || !isPair(values['ca-cert.pem'] ?? '', values['ca-key.pem'] ?? '')) {
        return 'it holds no certificate with its key'
      }
      if (!isIssuedBy(values['ca-cert.pem'] ?? '', values['root-cert.pem'] ?? '')) {
        return 'the root beside it did not sign it'
      }
      // Without the home cluster in the run, what stands is trusted.
      const root = await readRoot(context)
      if (root !== undefined && root.certificatePem !== values['root-cert.pem']) {
        return 'it is below another root than the mesh’s'
      }
      const days = daysUntil(own.endsAt, new Date())
      return days > intermediateReserveDays ? undefined : `it ends in ${days} days`
    },
    async make(context) {
      const root = await readRoot(context)
      if (root === undefined) throw rootMissing(context.config, cloud)
      const { cluster } = meshNames(context.config, cloud)
      const own = await issueIntermediate(root, `${cluster} mesh authority`, {
        now: new Date(),
        days: intermediateDays,
      })
      // The names that istiod looks for.
      return {
        'ca-cert.pem': own.certificatePem,
        'ca-key.pem': own.keyPem,
        'cert-chain.pem': `${own.certificatePem}${root.certificatePem}`,
        'root-cert.pem': root.certificatePem,
      }
    },
  })
}

/** How long the authorities of one cluster hold, for its check. */
export function authorityDays(values: Readonly<Record<string, string>>, now: Date) {
  const own = readCertificate(values['ca-cert.pem'] ?? '')
  const root = readCertificate(values['root-cert.pem'] ?? '')
  if (own === undefined || root === undefined) return undefined
  const [ownDays, rootDaysLeft] = [daysUntil(own.endsAt, now), daysUntil(root.endsAt, now)]
  return {
    own: ownDays,
    root: rootDaysLeft,
    isLate: ownDays <= intermediateReserveDays || rootDaysLeft <= rootWarningDays,
  }
}

function rootOf(values: Readonly<Record<string, string>>): KeyPair {
  return { certificatePem: values['root-cert.pem'] ?? '', keyPem: values['root-key.pem'] ?? '' }
}

/** Undefined when the home cluster is not part of this run, or has no root. */
async function readRoot(context: Context): Promise<KeyPair | undefined> {
  const home = homeCloud(context.config)
  if (!context.clouds.has(home)) return undefined
  const cloud = cloudOf(context, home)
  const access = await cloud.cluster(context.signal)
  if (access === undefined) return undefined
  const ref: ObjectRef = { apiVersion: 'v1', kind: 'Secret', ...rootSecret }
  const found = await openCluster(context, cloud, access).get(ref)
  return found !== undefined && ownerOf(context, found) === 'ours' ? rootOf(secretValues(found)) : undefined
}

function rootMissing(config: Config, cloud: CloudName): MlpError {
  const home = homeCloud(config)
  return new MlpError({
    code: 'MLP4051',
    summary: `The mesh’s root authority, which is in the cluster of ${home}, is not part of this run`,
    detail: `The certificate authority of ${cloud} has to be signed by it.`,
    remedy: [`Run without --cloud, or with both: mlp phase 4 --cloud ${home} --cloud ${cloud}`],
  })
}

function damagedRoot(cloud: CloudName): MlpError {
  return new MlpError({
    code: 'MLP4052',
    summary: `The mesh’s root authority in the cluster of ${cloud} is damaged`,
    detail: `The key in Secret ${rootSecret.namespace}/${rootSecret.name} does not belong to its certificate. Nothing was changed: a new root would cut off who trusts the old one.`,
    remedy: [
      'Restore the Secret from the cluster’s backup.',
      `Without one, delete the Secret and run: mlp phase 4. All clusters get new authorities, and pods have to be restarted.`,
    ],
  })
}
