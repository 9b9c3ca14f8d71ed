import { expect, test } from 'vitest'
import { recordLines } from '../../../src/phases/4-mesh/dns-names.ts'

test('records to be made are told by name, type and value', () => {
  const places = [
    { cloud: 'aws', address: { kind: 'hostname', value: 'a1.elb.us-east-1.amazonaws.com' } },
    { cloud: 'gcp', address: { kind: 'ip', value: '198.51.100.7' } },
    { cloud: 'azure', address: undefined },
  ] as const
  expect(recordLines('ml.example.com', places)).toEqual([
    'aws.ml.example.com    CNAME  a1.elb.us-east-1.amazonaws.com',
    'gcp.ml.example.com    A      198.51.100.7',
    'azure.ml.example.com  A      (its load balancer has no address yet)',
    'ml.example.com        CNAME  aws.ml.example.com or gcp.ml.example.com or azure.ml.example.com',
  ])
})
