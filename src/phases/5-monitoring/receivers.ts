import type { Config } from '../../config/schema.ts'
import type { JsonObject } from '../../engine/json.ts'
import { receiversSecret } from './names.ts'

export interface SecretKey {
  /** In the Secret; of a receiver, the name of its file in Alertmanager's pod. */
  readonly key: string
  /** The environment variable of whoever runs mlp. */
  readonly variable: string
  /** Whose it is, in words. */
  readonly of: string
}

/** Of each receiver that has a secret. */
export function receiverKeys({ monitoring }: Pick<Config, 'monitoring'>): readonly SecretKey[] {
  return Object.entries(monitoring?.receivers ?? {}).flatMap(([key, receiver]) =>
    receiver?.secret === undefined ? [] : [{ key, variable: receiver.secret, of: `the receiver ${key}` }],
  )
}

/** Where the operator mounts a Secret that alertmanagerSpec.secrets names. */
const fileOf = (key: string) => `/etc/alertmanager/secrets/${receiversSecret}/${key}`

const title = '{{ .Status | toUpper }} {{ .CommonLabels.alertname }} ({{ .CommonLabels.cluster }})'
const text =
  '{{ range .Alerts }}{{ .Annotations.summary }}\n{{ .Annotations.description }}\nRunbook: {{ .Annotations.runbook_url }}\n{{ end }}'

/**
 * Who hears of what: PagerDuty of critical alerts, everybody else of warnings too, and a watchdog service of nothing but
 * the alert that always fires: it calls when that stops coming. Secrets are files that Alertmanager reads.
 */
export function alertmanagerConfig({ monitoring }: Pick<Config, 'monitoring'>): JsonObject {
  const { slack, pagerduty, email, webhook, watchdog } = monitoring?.receivers ?? {}
  const people: JsonObject = {
    ...(slack === undefined
      ? {}
      : {
          slack_configs: [
            { api_url_file: fileOf('slack'), channel: slack.channel, send_resolved: true, title, text },
          ],
        }),
    ...(email === undefined
      ? {}
      : {
          email_configs: [
            {
              to: email.to,
              from: email.from,
              smarthost: email.smarthost,
              send_resolved: true,
              ...(email.username === undefined ? {} : { auth_username: email.username }),
              ...(email.secret === undefined ? {} : { auth_password_file: fileOf('email') }),
            },
          ],
        }),
    ...(webhook === undefined
      ? {}
      : { webhook_configs: [{ url_file: fileOf('webhook'), send_resolved: true }] }),
  }
  return {
    route: {
      receiver: 'null',
      group_by: ['alertname', 'cluster', 'namespace'],
      group_wait: '30s',
      group_interval: '5m',
      repeat_interval: '12h',
      routes: [
        {
          receiver: watchdog === undefined ? 'null' : 'watchdog',
          matchers: ['alertname = "Watchdog"'],
          group_wait: '0s',
          group_interval: '1m',
          repeat_interval: '5m',
        },
        ...(pagerduty === undefined
          ? []
          : [{ receiver: 'pagerduty', matchers: ['severity = "critical"'], continue: true }]),
        { receiver: 'people', matchers: ['severity =~ "critical|warning"'] },
      ],
    },
    receivers: [
      { name: 'null' },
      { name: 'people', ...people },
      ...(pagerduty === undefined
        ? []
        : [
            {
              name: 'pagerduty',
              pagerduty_configs: [{ routing_key_file: fileOf('pagerduty'), send_resolved: true }],
            },
          ]),
      ...(watchdog === undefined
        ? []
        : [
            {
              name: 'watchdog',
              webhook_configs: [{ url_file: fileOf('watchdog'), send_resolved: false }],
            },
          ]),
    ],
  }
}
