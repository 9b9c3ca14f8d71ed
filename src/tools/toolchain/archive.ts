import { promisify } from 'node:util'
import { gunzip, inflateRaw } from 'node:zlib'

const gunzipAsync = promisify(gunzip)
const inflateRawAsync = promisify(inflateRaw)

/**
 * One file out of a `.tar.gz` or `.zip` archive, by its full name in it; undefined when it is not there. Reads what
 * release archives are made of: regular files, stored or deflated, no encryption, no zip64. The archive was checked
 * by its sha256 before, so what does not parse is our mistake and throws.
 */
export async function extract(
  archive: Buffer,
  format: 'tar.gz' | 'zip',
  member: string,
): Promise<Buffer | undefined> {
  return format === 'zip' ? await fromZip(archive, member) : fromTar(await gunzipAsync(archive), member)
}

const blockBytes = 512

/** POSIX.1-1988 (ustar): a 512-byte header, then the content in whole blocks. */
function fromTar(tar: Buffer, member: string): Buffer | undefined {
  for (let at = 0; at + blockBytes <= tar.length; ) {
    const header = tar.subarray(at, at + blockBytes)
    const name = [textOf(header, 345, 155), textOf(header, 0, 100)].filter(part => part !== '').join('/')
    if (name === '') return undefined
    const size = Number.parseInt(textOf(header, 124, 12), 8)
    if (Number.isNaN(size)) throw new Error(`damaged tar header at byte ${at}`)
    const start = at + blockBytes
    const isFile = ['', '0'].includes(textOf(header, 156, 1))
    if (isFile && name.replace(/^\.\//, '') === member) return tar.subarray(start, start + size)
    at = start + Math.ceil(size / blockBytes) * blockBytes
  }
  return undefined
}

function textOf(header: Buffer, offset: number, length: number): string {
  const field = header.subarray(offset, offset + length)
  const end = field.indexOf(0)
  return field.toString('utf8', 0, end === -1 ? length : end).trim()
}

/** PKWARE's APPNOTE 4.3: the directory at the end tells where each file's own header is. */
async function fromZip(zip: Buffer, member: string): Promise<Buffer | undefined> {
  const end = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x05, 0x06]))
  if (end === -1) throw new Error('not a zip archive: it has no directory')
  const entries = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  for (let entry = 0; entry < entries; entry++) {
    const nameBytes = zip.readUInt16LE(at + 28)
    const name = zip.toString('utf8', at + 46, at + 46 + nameBytes)
    if (name === member) {
      const method = zip.readUInt16LE(at + 10)
      const packedBytes = zip.readUInt32LE(at + 20)
      const local = zip.readUInt32LE(at + 42)
      const start = local + 30 + zip.readUInt16LE(local + 26) + zip.readUInt16LE(local + 28)
      const packed = zip.subarray(start, start + packedBytes)
      if (method === 0) return packed
      if (method === 8) return await inflateRawAsync(packed)
      throw new Error(`${member} is packed with method ${method}, which is not known here`)
    }
    at += 46 + nameBytes + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return undefined
}
