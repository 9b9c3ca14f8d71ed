import { describe, expect, it } from 'vitest'
import { conditionOf as onAws } from '../../../src/clouds/aws/condition.ts'
import { conditionOf as onAzure } from '../../../src/clouds/azure/condition.ts'
import { conditionOf as onGcp } from '../../../src/clouds/gcp/condition.ts'

/** The words are those of the services' API references. */
describe('how far a cloud is, from its own words', () => {
  it.each([
    ['available', 'ready'],
    ['ACTIVE', 'ready'],
    ['DEGRADED', 'ready'],
    ['storage-full', 'ready'],
    ['incompatible-parameters', 'ready'],
    ['UPDATE_FAILED', 'ready'],
    ['creating', 'settling'],
    ['CREATING', 'settling'],
    ['backing-up', 'settling'],
    ['configuring-enhanced-monitoring', 'settling'],
    ['deleting', 'settling'],
    ['pending', 'settling'],
    ['failed', 'failed'],
    ['FAILED', 'failed'],
    ['CREATE_FAILED', 'failed'],
    ['create-failed', 'failed'],
    ['incompatible-network', 'failed'],
    [undefined, 'ready'],
  ])('AWS: %s is %s', (status, condition) => {
    expect(onAws(status)).toBe(condition)
  })

  it.each([
    ['RUNNING', 'ready'],
    ['RUNNABLE', 'ready'],
    ['DEGRADED', 'ready'],
    ['RUNNING_WITH_ERROR', 'ready'],
    ['SUSPENDED', 'ready'],
    ['PROVISIONING', 'settling'],
    ['RECONCILING', 'settling'],
    ['PENDING_CREATE', 'settling'],
    ['DELETING', 'settling'],
    ['ERROR', 'failed'],
    ['FAILED', 'failed'],
    [undefined, 'ready'],
  ])('Google Cloud: %s is %s', (status, condition) => {
    expect(onGcp(status)).toBe(condition)
  })

  it.each([
    [{ provisioningState: 'Succeeded' }, 'ready'],
    [{ provisioningState: 'Succeeded', state: 'Updating' }, 'ready'],
    [{ state: 'Ready' }, 'ready'],
    [{ state: 'Disabled' }, 'ready'],
    [{}, 'ready'],
    [{ provisioningState: 'Creating' }, 'settling'],
    [{ provisioningState: 'Deleting' }, 'settling'],
    [{ provisioningState: 'ResolvingDNS' }, 'settling'],
    [{ state: 'Provisioning' }, 'settling'],
    [{ state: 'Dropping' }, 'settling'],
    [{ provisioningState: 'Failed' }, 'failed'],
    [{ provisioningState: 'Canceled' }, 'failed'],
  ])('Azure: %j is %s', (properties, condition) => {
    expect(onAzure(properties)).toBe(condition)
  })
})
