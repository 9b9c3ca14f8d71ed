import { accessSync, constants } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { ComponentName } from '../../sandbox/src/kubernetes/components.ts'

const versions: Readonly<Record<ComponentName, string>> = {
  etcd: '3.6.16',
  'kube-apiserver': '1.35.4',
  'kube-controller-manager': '1.35.4',
  'kube-scheduler': '1.35.4',
  kwok: '0.8.0',
}

/** Absolute path of a cached program. */
export function cachedProgram(name: ComponentName): string {
  const path = join(homedir(), '.cache', 'mlp', 'tools', name, versions[name], name)
  accessSync(path, constants.X_OK)
  return path
}
