import { fileURLToPath } from 'node:url'
import { platformId } from '../../src/config/names.ts'
import { openKubeClient } from '../../src/kube/client.ts'
import type { Context } from '../../src/phases/phase.ts'

/** Somebody who says no to everything, and keeps a last snapshot. */
export const refusing: Context['consent'] = {
  destroyData: false,
  finalSnapshot: true,
  allowReplace: [],
  approve: async () => false,
  secret: async () => '',
}

/** What a step or check of phase code is given, without the program around it; what a test needs otherwise it says. */
export function testContext(given: Pick<Context, 'config' | 'clouds'> & Partial<Context>): Context {
  return {
    platformId: platformId(given.config),
    target: { name: 'sandbox', environment: {}, caFile: undefined, clouds: {} },
    toolchain: {} as Context['toolchain'],
    openKubeClient,
    home: '/nowhere',
    platformFolder: '/nowhere',
    templates: fileURLToPath(new URL('../../templates', import.meta.url)),
    mlpVersion: '0.1.0',
    mlpPath: 'mlp',
    consent: refusing,
    lendLock: (_, work) => work(),
    signal: new AbortController().signal,
    emit: () => {},
    outputs: () => ({}),
    ...given,
  }
}
