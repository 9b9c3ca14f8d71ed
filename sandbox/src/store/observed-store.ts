import type { ResourceStore } from './resource-store.ts'

/** The same store, which tells after each write of which type that was. */
export function observed<T extends ResourceStore>(store: T, onChange: (type: string) => void): T {
  return {
    ...store,
    put(type, id, attributes) {
      const stored = store.put(type, id, attributes)
      onChange(type)
      return stored
    },
    delete(type, id) {
      store.delete(type, id)
      onChange(type)
    },
  }
}
