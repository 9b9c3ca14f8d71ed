import { link, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder, systemErrorCode, writeFileAtomically } from './atomic-file.ts'
import { writing } from './disk-problem.ts'
import { MlpError } from './errors.ts'
import { type Claim, holderSchema, type LeaseHolder } from './lease-holder.ts'

/**
 * The claims on a lease are files `<file>.<number>`; the highest number holds it. A claim is made by link(2), which
 * creates the whole file or fails, so of two that follow the same claim one wins; and a claim is only ever removed
 * once a higher one stands, so a late claimant always sees that it came too late. Nothing is ever taken away from
 * under a holder, which leaves no moment at which two could both believe that they hold it.
 *
 * The claim in force; undefined when there never was one. Throws MlpError MLP5223 when it cannot be understood.
 */
export async function currentClaim(file: string): Promise<Claim | undefined> {
  for (;;) {
    const fence = (await claimNumbers(file)).at(-1)
    if (fence === undefined) return undefined
    const text = await readIfThere(claimFile(file, fence))
    // Removed between the two calls: then a higher one stands.
    if (text === undefined) continue
    return { fence, holder: parseHolder(text, claimFile(file, fence)) }
  }
}

/** Follows the claim `after`; false when somebody else did first. */
export async function followClaim(file: string, after: number, holder: LeaseHolder): Promise<boolean> {
  const fence = after + 1
  const temporary = `${file}.new-${holder.id}`
  return await writing('MLP5224', file, async () => {
    await makeFolder(dirname(file))
    try {
      await writeFile(temporary, textOf(holder), { mode: 0o600, flush: true })
      await link(temporary, claimFile(file, fence))
    } catch (error) {
      if (systemErrorCode(error) === 'EEXIST') return false
      throw error
    } finally {
      await rm(temporary, { force: true })
    }
    const numbers = await claimNumbers(file)
    const won = numbers.at(-1) === fence
    for (const older of numbers) if (older < fence) await rm(claimFile(file, older), { force: true })
    if (!won) await rm(claimFile(file, fence), { force: true })
    return won
  })
}

/** Whether no higher claim stands, and this one was not removed by hand. */
export async function isInForce(file: string, fence: number): Promise<boolean> {
  return (await claimNumbers(file)).at(-1) === fence
}

/** Only for the process that made the claim. False when a higher one stands: the lease is lost. */
export async function rewriteClaim(file: string, claim: Claim): Promise<boolean> {
  if (!(await isInForce(file, claim.fence))) return false
  await writing('MLP5224', file, () =>
    writeFileAtomically(claimFile(file, claim.fence), textOf(claim.holder)),
  )
  return await isInForce(file, claim.fence)
}

async function claimNumbers(file: string): Promise<readonly number[]> {
  const prefix = `${basename(file)}.`
  let names: readonly string[]
  try {
    names = await readdir(dirname(file))
  } catch (error) {
    // Whatever stands in the way of the folder is told, with a remedy, when a claim is written.
    if (systemErrorCode(error) === 'ENOENT' || systemErrorCode(error) === 'ENOTDIR') return []
    throw error
  }
  return names
    .filter(name => name.startsWith(prefix) && /^\d+$/.test(name.slice(prefix.length)))
    .map(name => Number(name.slice(prefix.length)))
    .sort((a, b) => a - b)
}

function claimFile(file: string, fence: number): string {
  return join(dirname(file), `${basename(file)}.${fence}`)
}

function textOf(holder: LeaseHolder): string {
  return `${JSON.stringify(holder, null, 2)}\n`
}

function parseHolder(text: string, file: string): LeaseHolder {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    parsed = undefined
  }
  const holder = holderSchema.safeParse(parsed)
  if (holder.success) return holder.data
  throw new MlpError({
    code: 'MLP5223',
    summary: `the lock ${file} cannot be understood`,
    detail: 'It was damaged, or another version of mlp holds it.',
    remedy: [`Make sure that no mlp runs on this platform, then remove it: rm ${file}`],
  })
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (systemErrorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
