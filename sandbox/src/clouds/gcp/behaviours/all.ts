import type { Behaviour } from '../../../behaviour.ts'
import { billingBudget } from './budget.ts'
import { cluster } from './container.ts'
import {
  bucketMember,
  cryptoKeyMember,
  projectMember,
  repositoryMember,
  serviceAccount,
  serviceAccountMember,
} from './iam.ts'
import { identityPool, identityPoolProvider } from './identity-pool.ts'
import { cryptoKey, keyRing } from './kms.ts'
import { firewall, network, router, routerNat, subnetwork } from './network.ts'
import { nodePool } from './node-pool.ts'
import { globalAddress, serviceConnectionPolicy, serviceNetworkingConnection } from './private-services.ts'
import { redisCluster } from './redis.ts'
import { repository } from './registry.ts'
import { database, databaseInstance, sqlUser } from './sql.ts'
import { bucket } from './storage.ts'

/** Every resource type that Google Cloud's templates may use on the sandbox. */
export const behaviours: readonly Behaviour[] = [
  network,
  subnetwork,
  router,
  routerNat,
  firewall,
  globalAddress,
  serviceNetworkingConnection,
  serviceConnectionPolicy,
  keyRing,
  cryptoKey,
  cryptoKeyMember,
  databaseInstance,
  database,
  sqlUser,
  redisCluster,
  bucket,
  bucketMember,
  repository,
  repositoryMember,
  serviceAccount,
  serviceAccountMember,
  projectMember,
  identityPool,
  identityPoolProvider,
  cluster,
  nodePool,
  billingBudget,
]
