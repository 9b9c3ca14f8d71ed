/** Lanes that want the same thing at the same time wait for whoever began with it, and get what that one got. */
export async function shareWork<T>(
  pending: Map<string, Promise<T>>,
  key: string,
  onWait: () => void,
  work: () => Promise<T>,
): Promise<T> {
  const begun = pending.get(key)
  if (begun !== undefined) {
    onWait()
    return await begun
  }
  const done = work()
  pending.set(key, done)
  try {
    return await done
  } finally {
    pending.delete(key)
  }
}
