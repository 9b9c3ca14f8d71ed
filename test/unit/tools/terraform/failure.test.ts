import { expect, test } from 'vitest'
import { MlpError } from '../../../../src/engine/errors.ts'
import { terraformFailure } from '../../../../src/tools/terraform/failure.ts'

const failed = new MlpError({ code: 'MLP2002', summary: 'terraform failed', remedy: [] })
const again = 'Run the same command again: what is done is kept, and it goes on from here.'

function remedyOf(summary: string, detail = ''): readonly string[] {
  const workspace = { name: 'gcp-cluster', folder: '/platform/gcp-cluster' }
  const told = terraformFailure(failed, workspace, [
    { severity: 'error', summary, detail, address: 'google_container_cluster.main' },
  ])
  if (!(told instanceof MlpError)) throw new Error('not told as an error of mlp')
  return told.remedy
}

test.each([
  ['QUOTA_EXCEEDED: CPUS in us-central1', 'Ask the cloud for more quota'],
  ['ExpiredToken: the security token is expired', 'sign in again'],
  ['AccessDenied: not authorized to perform eks:CreateCluster', 'lacks a permission'],
  ['dial tcp: connection refused', 'cannot be reached'],
  ['write terraform.tfstate: no space left on device', 'The disk is full'],
])('%s is told with what to do', (summary, remedy) => {
  const [first, ...rest] = remedyOf(summary)
  expect(first).toContain(remedy)
  expect(rest).toEqual([again])
})

test('a failure of the sandbox is not taken for a cloud’s, whatever stands in its log', () => {
  const [first, ...rest] = remedyOf(
    'creating google_container_cluster: the sandbox itself failed',
    'kube-apiserver is not ready: informer resourcequotas: connection refused',
  )
  expect(first).toContain('no cloud did')
  expect(rest).toEqual([again])
})
