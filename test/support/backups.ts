import {
  type BackupService,
  type BucketHistory,
  type DatabaseBackups,
  newestFirst,
} from '../../src/clouds/backups.ts'

/** A bucket of the test's own, and what a cloud would say of its buckets and its database. */
export interface TestBackups extends BackupService {
  readonly copies: Map<string, { readonly text: string; readonly at: string }>
  histories: readonly BucketHistory[]
  kept: DatabaseBackups | undefined
}

export function testBackups(): TestBackups {
  const copies: TestBackups['copies'] = new Map()
  const service: TestBackups = {
    copies,
    histories: [{ bucket: 'models', detail: 'versioned' }],
    kept: undefined,
    place: 'test://backups',
    list: async prefix =>
      newestFirst(
        [...copies]
          .filter(([name]) => name.startsWith(prefix))
          .map(([name, { text, at }]) => ({ name, at, bytes: text.length })),
      ),
    read: async name => copies.get(name)?.text,
    async write(name, text) {
      copies.set(name, { text, at: new Date().toISOString() })
    },
    async remove(name) {
      copies.delete(name)
    },
    buckets: async () => service.histories,
    database: async () => service.kept,
  }
  return service
}
