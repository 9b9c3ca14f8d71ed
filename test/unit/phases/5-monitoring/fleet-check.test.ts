import { expect, test } from 'vitest'
import { sendingOf } from '../../../../src/phases/5-monitoring/fleet-check.ts'

const metricsOf = (values: Readonly<Record<string, string>>) =>
  Object.entries(values)
    .flatMap(([name, value]) => [
      `# TYPE prometheus_remote_storage_${name} gauge`,
      `prometheus_remote_storage_${name}{remote_name="other",url="http://other"} 7`,
      `prometheus_remote_storage_${name}{remote_name="fleet",url="http://there/api/v1/write"} ${value}`,
    ])
    .join('\n')

test('what was sent, and how far behind it is', () => {
  const metrics = metricsOf({
    samples_total: '12345',
    queue_highest_timestamp_seconds: '1.764520102e+09',
    queue_highest_sent_timestamp_seconds: '1.764520100e+09',
  })
  expect(sendingOf(metrics, 'there')).toEqual({
    status: 'pass',
    detail: '12345 samples sent to there, 2 s behind',
  })
})

test('a place that takes nothing, or has not for minutes, is a failure that says where to look', () => {
  const never = sendingOf(
    metricsOf({ queue_highest_timestamp_seconds: '1.7645e+09', samples_failed_total: '40' }),
    'there',
  )
  expect(never).toMatchObject({
    status: 'fail',
    detail: 'nothing has been sent to there yet; 40 samples were refused',
    remedy: [expect.stringContaining('kubectl'), expect.stringContaining('monitoring.fleet')],
  })
  const late = metricsOf({
    samples_total: '5',
    queue_highest_timestamp_seconds: '1.764520400e+09',
    queue_highest_sent_timestamp_seconds: '1.764520100e+09',
  })
  expect(sendingOf(late, 'there')).toMatchObject({
    status: 'fail',
    detail: expect.stringContaining('300 s behind'),
  })
})
