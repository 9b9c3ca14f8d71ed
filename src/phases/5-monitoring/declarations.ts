import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as z from 'zod'
import type { Json } from '../../engine/json.ts'
import type { KubeObject } from '../../kube/objects.ts'
import type { Declaration, DeclarationContext } from '../2-kubernetes/declarations.ts'
import { loadObjects } from '../2-kubernetes/templates.ts'
import { waitForMonitors, waitForRules } from './loaded.ts'
import { monitoringNamespace, stackStepId } from './names.ts'

const operated = (kind: string) => ({ apiVersion: 'monitoring.coreos.com/v1', kind })

/** What Prometheus looks at: the services, and the mesh where there is one. */
const monitors: Declaration = {
  phase: 5,
  name: 'monitors',
  title: 'What Prometheus looks at',
  kinds: [operated('ServiceMonitor'), operated('PodMonitor')],
  needs: cloud => [stackStepId(cloud)],
  objects: context => template(context, 'monitors.yaml'),
  inputs: () => null,
  replaceable: true,
  shrinks: true,
  finish: ({ signal }, client, objects, report) => waitForMonitors(client, objects, { signal, report }),
}

/** Objectives and alerts, each with its runbook. */
const rules: Declaration = {
  phase: 5,
  name: 'rules',
  title: 'Alerts and objectives',
  kinds: [operated('PrometheusRule')],
  needs: cloud => [stackStepId(cloud)],
  objects: async context =>
    (await template(context, 'rules.yaml')).map(object => withRunbooks(context, object)),
  inputs: context => ({ runbooks: context.config.monitoring?.runbooks ?? null }),
  replaceable: true,
  shrinks: true,
  finish: ({ signal }, client, objects, report) => waitForRules(client, objects, { signal, report }),
}

/** Grafana's sidecar takes every ConfigMap of this label. */
const dashboards: Declaration = {
  phase: 5,
  name: 'dashboards',
  title: 'Dashboards',
  kinds: [{ apiVersion: 'v1', kind: 'ConfigMap' }],
  needs: cloud => [`2.${cloud}.namespaces`],
  async objects(context) {
    const files = await readDashboards(context)
    return files.map(({ uid, text }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: {
        name: `dashboard-${uid}`,
        namespace: monitoringNamespace,
        labels: { grafana_dashboard: '1' },
        annotations: { grafana_folder: 'ML platform' },
      },
      data: { [`${uid}.json`]: text },
    }))
  },
  inputs: () => null,
  replaceable: false,
  shrinks: true,
}

export const declarations: readonly Declaration[] = [monitors, rules, dashboards]

const dashboardSchema = z.looseObject({ uid: z.string() })

export async function readDashboards({
  templates,
}: Pick<DeclarationContext, 'templates'>): Promise<
  readonly { readonly uid: string; readonly text: string }[]
> {
  const folder = join(templates, 'monitoring', 'dashboards')
  const files = (await readdir(folder)).filter(file => file.endsWith('.json')).sort()
  return await Promise.all(
    files.map(async file => {
      const text = await readFile(join(folder, file), 'utf8')
      return { uid: dashboardSchema.parse(JSON.parse(text)).uid, text }
    }),
  )
}

async function template(
  { templates }: Pick<DeclarationContext, 'templates'>,
  file: string,
): Promise<readonly KubeObject[]> {
  return await loadObjects(join(templates, 'monitoring', file))
}

/** The templates name runbooks by their path in mlp's repository; people read them somewhere. */
function withRunbooks({ config }: Pick<DeclarationContext, 'config'>, object: KubeObject): KubeObject {
  const base = config.monitoring?.runbooks
  if (base === undefined) return object
  const prefix = base.replace(/\/+$/, '')
  const replaced = JSON.parse(JSON.stringify(object['spec']), (key, value: Json) =>
    key === 'runbook_url' && typeof value === 'string'
      ? `${prefix}/${value.slice(value.lastIndexOf('/') + 1)}`
      : value,
  )
  return { ...object, spec: z.json().parse(replaced) }
}
