import { createHash } from 'node:crypto'
import sodium from 'libsodium-wrappers'
import * as z from 'zod'
import type { Records } from './records.ts'

const pairSchema = z.object({ id: z.string(), publicKey: z.string(), privateKey: z.string() })
type Pair = z.output<typeof pairSchema>

/** The key pair that secrets of a place are sealed for: one for each repository and each environment. */
async function pairOf(records: Records, place: string): Promise<Pair> {
  const known = records.texts.get(`box/${place}`)
  if (known !== undefined) return pairSchema.parse(JSON.parse(known))
  await sodium.ready
  const { publicKey, privateKey } = sodium.crypto_box_keypair()
  const encode = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  const made = {
    id: createHash('sha256').update(publicKey).digest().readBigUInt64BE(0).toString().slice(0, 18),
    publicKey: encode(publicKey),
    privateKey: encode(privateKey),
  }
  records.texts.put(`box/${place}`, JSON.stringify(made))
  return made
}

export async function publicKeyOf(
  records: Records,
  place: string,
): Promise<{ readonly key_id: string; readonly key: string }> {
  const { id, publicKey } = await pairOf(records, place)
  return { key_id: id, key: publicKey }
}

/** What was sealed for a place (libsodium's crypto_box_seal); undefined when it was not, or for another key. */
export async function openSealed(
  records: Records,
  place: string,
  keyId: string,
  sealed: string,
): Promise<string | undefined> {
  const pair = await pairOf(records, place)
  if (pair.id !== keyId) return undefined
  await sodium.ready
  try {
    const opened = sodium.crypto_box_seal_open(
      Buffer.from(sealed, 'base64'),
      Buffer.from(pair.publicKey, 'base64'),
      Buffer.from(pair.privateKey, 'base64'),
    )
    return Buffer.from(opened).toString('utf8')
  } catch {
    return undefined
  }
}
