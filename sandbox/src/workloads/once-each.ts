const underWay = new Map<string, Promise<void>>()

/** Pods that start together share one making of a root. */
export function onceEach(key: string, work: () => Promise<void>): Promise<void> {
  const running = underWay.get(key)
  if (running !== undefined) return running
  const started = work().finally(() => underWay.delete(key))
  underWay.set(key, started)
  return started
}
