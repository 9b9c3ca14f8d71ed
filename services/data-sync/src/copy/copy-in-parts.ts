import { retry } from '../retry.ts'
import type { Attributes, Part, Store, StoredObject, Upload } from '../stores/store.ts'
import { StoreError } from '../stores/store-error.ts'
import type { CopyContext, CopyResult } from './copy-context.ts'
import { combineCrc32c } from './crc32c-combine.ts'
import { giveBack } from './part-buffers.ts'
import { hashOfParts, type PartPlan, planParts, rangeOfPart } from './parts.ts'
import { copyAttributes, markOf, sourceMark } from './provenance.ts'
import { readPart } from './read.ts'
import type { KnownPart } from './upload-memory.ts'

type Source = StoredObject & { readonly attributes: Attributes }

/** One destination's upload, and what of it is done. */
interface Session {
  readonly target: number
  readonly store: Store
  readonly upload: Upload
  readonly done: Map<number, Part & KnownPart>
  readonly bytesThere: number
  failure: StoreError | undefined
}

/**
 * Copies an object by parts, as many at once as memory allows. What an earlier process brought over stays: only parts
 * that a destination does not have, or that nobody remembers the content of, are read and sent.
 */
export async function copyInParts(
  context: CopyContext,
  listed: StoredObject,
  targets: readonly number[],
): Promise<readonly CopyResult[]> {
  const plan = planParts(listed.bytes)
  if (plan.partBytes > context.memory.total) {
    const message = `${listed.key} has ${listed.bytes} bytes: its parts of ${plan.partBytes} exceed the memory budget`
    return targets.map(target => ({ target, outcome: 'failed', error: new StoreError('refused', message) }))
  }
  // Asked once, by the first destination that is opened; its failure is told by each.
  const described = describeSource(context, listed)
  const opened = await Promise.all(
    targets.map(target => settle(target, async () => openSession(context, await described, target, plan))),
  )
  const sessions = opened.filter(one => 'upload' in one)
  if (sessions.length > 0) await sendMissingParts(context, await described, plan, sessions)
  const finished = sessions.map(session =>
    settle(session.target, async () => finish(context, await described, plan, session)),
  )
  return [...opened.filter(one => 'outcome' in one), ...(await Promise.all(finished))]
}

async function settle<T>(
  target: number,
  work: () => Promise<T>,
): Promise<T | (CopyResult & { outcome: 'failed' })> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof StoreError) return { target, outcome: 'failed', error }
    throw error
  }
}

async function openSession(
  context: CopyContext,
  source: Source,
  target: number,
  plan: PartPlan,
): Promise<Session> {
  const store = context.destination(target)
  return (
    (await resumeSession(context, source, target, plan)) ?? {
      ...{ target, store, done: new Map(), bytesThere: 0, failure: undefined },
      upload: await begin(context, source, target, plan),
    }
  )
}

async function begin(context: CopyContext, source: Source, target: number, plan: PartPlan): Promise<Upload> {
  const { policy, signal } = context
  const attributes = copyAttributes(source, source.attributes)
  const upload = await retry(policy, signal, attempt =>
    context.destination(target).beginUpload(source.key, attributes, attempt),
  )
  await context.uploads.begin(target, upload, sourceMark(source), plan.partBytes)
  return upload
}

async function resumeSession(
  context: CopyContext,
  source: Source,
  target: number,
  plan: PartPlan,
): Promise<Session | undefined> {
  const { policy, signal, uploads } = context
  const store = context.destination(target)
  const remembered = await uploads.find(target, source.key)
  if (remembered === undefined) return undefined
  const { upload, mark, partBytes, parts } = remembered
  const ofThisVersion = mark === sourceMark(source) && partBytes === plan.partBytes
  const there = ofThisVersion
    ? await retry(policy, signal, attempt => store.partsThere(upload, attempt))
    : undefined
  if (there === undefined) {
    await discard(context, target, upload)
    return undefined
  }
  const done: Session['done'] = new Map()
  for (const [number, known] of parts) {
    const part = there.get(number)
    const { length } = rangeOfPart(number, plan, source.bytes)
    if (part === undefined || part.bytes !== length || (part.crc32c ?? known.crc32c) !== known.crc32c)
      continue
    done.set(number, { ...known, number, bytes: length, receipt: part.receipt })
  }
  const bytesThere = [...done.values()].reduce((sum, part) => sum + part.bytes, 0)
  return { target, store, upload, done, bytesThere, failure: undefined }
}

async function sendMissingParts(
  context: CopyContext,
  source: Source,
  plan: PartPlan,
  sessions: readonly Session[],
): Promise<void> {
  const { memory, signal } = context
  const stop = new AbortController()
  const under = AbortSignal.any([signal, stop.signal])
  // Objects one after the other: the store puts the first one's parts together while the next one's travel.
  const ticket = memory.draw()
  const underWay = new Set<Promise<void>>()
  try {
    for (let number = 1; number <= plan.count; number++) {
      const missing = sessions.filter(session => !session.done.has(number))
      if (missing.length === 0) continue
      if (missing.every(({ failure }) => failure !== undefined)) break
      const { length } = rangeOfPart(number, plan, source.bytes)
      const release = await memory.acquire(length, under, ticket)
      const sending = sendPart(context, source, plan, missing, number, under)
        .catch(error => stop.abort(error))
        .finally(() => {
          release()
          underWay.delete(sending)
        })
      underWay.add(sending)
    }
  } finally {
    await Promise.all(underWay)
  }
  under.throwIfAborted()
}

async function sendPart(
  context: CopyContext,
  source: Source,
  plan: PartPlan,
  sessions: readonly Session[],
  number: number,
  signal: AbortSignal,
): Promise<void> {
  const { policy } = context
  const range = rangeOfPart(number, plan, source.bytes)
  const needsMd5 = sessions.some(({ store }) => store.needsMd5)
  const failAll = (error: StoreError): void => {
    for (const session of sessions) session.failure ??= error
  }
  try {
    const { bytes, digests } = await retry(policy, signal, attempt =>
      readPart(context.source, source, range, needsMd5, attempt),
    )
    await Promise.all(
      sessions.map(async session => {
        if (session.failure !== undefined) return
        try {
          const { target, store, upload } = session
          const receipt = await retry(policy, signal, attempt =>
            store.putPart(upload, number, bytes, digests, attempt),
          )
          const { sha256, crc32c } = digests
          context.onSent(target, bytes.length)
          session.done.set(number, { number, bytes: bytes.length, receipt, sha256, crc32c })
          await context.uploads.addPart(target, upload, number, { sha256, crc32c })
        } catch (error) {
          if (!(error instanceof StoreError)) throw error
          session.failure ??= error
        }
      }),
    )
    if (sessions.every(session => session.done.has(number))) giveBack(bytes)
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    failAll(error)
  }
}

/** The slowest store that is waited for reads and writes 20 MiB of parts in a second. */
const assembledBytesPerMs = 20_000

async function finish(
  context: CopyContext,
  source: Source,
  plan: PartPlan,
  session: Session,
): Promise<CopyResult> {
  const { target, store, upload, bytesThere } = session
  if (session.failure !== undefined) throw session.failure
  const { policy, signal } = context
  const parts = [...session.done.values()].sort((one, other) => one.number - other.number)
  const crc32c = parts.reduce((sum, part) => combineCrc32c(sum, part.crc32c, part.bytes), 0)
  if ((source.crc32c ?? crc32c) !== crc32c) {
    await discard(context, target, upload)
    throw new StoreError('corrupt', `${source.key} did not arrive as the source's checksum says`)
  }
  const contentHash = hashOfParts(
    parts.map(({ sha256 }) => sha256),
    plan,
  )
  const attributes = copyAttributes(source, source.attributes, contentHash)
  try {
    // Some stores put the parts together by copying them, and S3 itself asks for minutes.
    const patient = {
      ...policy,
      attemptTimeoutMs: policy.attemptTimeoutMs + source.bytes / assembledBytesPerMs,
    }
    await retry(patient, signal, attempt => store.completeUpload(upload, parts, crc32c, attributes, attempt))
  } catch (error) {
    if (!(error instanceof StoreError) || !['upload-gone', 'not-found'].includes(error.kind)) throw error
    // An answer was lost, and the upload is gone because it was completed. Or it is truly gone: the next run begins anew.
    const copy = await retry(policy, signal, attempt => store.describe(source.key, attempt))
    if (copy?.attributes === undefined || markOf(copy.attributes) !== sourceMark(source)) {
      await discard(context, target, upload)
      throw error
    }
  }
  if (store.keepsParts) await settle(target, () => discard(context, target, upload))
  else await context.uploads.forget(target, upload)
  return { target, outcome: 'copied', bytesSent: source.bytes - bytesThere, bytesThere, contentHash }
}

/** Where it fails, the upload stays remembered, and the next run does away with it. */
async function discard(context: CopyContext, target: number, upload: Upload): Promise<void> {
  const store = context.destination(target)
  await retry(context.policy, context.signal, attempt => store.abortUpload(upload, attempt))
  await context.uploads.forget(target, upload)
}

/** With attributes and checksum, which not every listing brings. Fails when it is another version by now. */
async function describeSource(context: CopyContext, listed: StoredObject): Promise<Source> {
  if (listed.attributes !== undefined) return { ...listed, attributes: listed.attributes }
  const found = await retry(context.policy, context.signal, attempt =>
    context.source.describe(listed.key, attempt),
  )
  if (found?.attributes === undefined || found.version !== listed.version)
    throw new StoreError('changed', `${listed.key} was changed while it was copied`)
  return { ...found, attributes: found.attributes }
}
