import { createSocket } from 'node:dgram'
import type { OutsideTable, ServiceTable } from './service-table.ts'

const suffix = '.svc.cluster.local'
const ttlSeconds = 5
const [noError, nameError, notImplemented] = [0, 3, 4]
const [typeA, typeAny, classInternet] = [1, 255, 1]

interface Question {
  readonly id: number
  readonly flags: number
  /** Lower case, without the dot at its end. */
  readonly name: string
  readonly type: number
  /** The question's own bytes, to be repeated in the answer. */
  readonly bytes: Buffer
}

/** RFC 1035 over UDP. Answers are short enough for a datagram: a Service has one address, a headless one a few. */
export function startDns(address: string, answer: (question: Question) => Buffer): void {
  const socket = createSocket('udp4')
  socket.on('message', (message, from) => {
    const question = readQuestion(message)
    if (question !== undefined) socket.send(answer(question), from.port, from.address)
  })
  socket.on('error', error => process.stderr.write(`dns: ${error.message}\n`))
  socket.bind(53, address)
}

function readQuestion(message: Buffer): Question | undefined {
  if (message.length < 17 || message.readUInt16BE(4) !== 1) return undefined
  const labels: string[] = []
  let at = 12
  for (;;) {
    const length = message[at]
    if (length === undefined || length > 63) return undefined
    if (length === 0) break
    labels.push(message.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  const end = at + 5
  if (end > message.length) return undefined
  return {
    id: message.readUInt16BE(0),
    flags: message.readUInt16BE(2),
    name: labels.join('.').toLowerCase(),
    type: message.readUInt16BE(at + 1),
    bytes: message.subarray(12, end),
  }
}

/** Names of the cluster and those of the clouds; all others do not exist, since the network leads nowhere else. */
export function answerDns(question: Question, { names, outside }: Omit<ServiceTable, 'services'>): Buffer {
  const addresses = question.name.endsWith(suffix)
    ? names[question.name.slice(0, -suffix.length)]
    : outsideAddress(question.name, outside)
  const wantsAddress = question.type === typeA || question.type === typeAny
  const records = wantsAddress ? (addresses ?? []) : []
  const isQuery = (question.flags & 0x7800) === 0
  const code = !isQuery ? notImplemented : addresses === undefined ? nameError : noError
  const header = Buffer.alloc(12)
  header.writeUInt16BE(question.id, 0)
  // A response, authoritative, recursion as was asked for and available.
  header.writeUInt16BE(0x8480 | (question.flags & 0x0100) | code, 2)
  header.writeUInt16BE(1, 4)
  header.writeUInt16BE(records.length, 6)
  return Buffer.concat([header, question.bytes, ...records.map(addressRecord)])
}

function outsideAddress(name: string, { names, suffixes }: OutsideTable): readonly string[] | undefined {
  const found = names[name] ?? suffixes.find(one => name.endsWith(one.suffix))?.address
  return found === undefined ? undefined : [found]
}

function addressRecord(address: string): Buffer {
  const record = Buffer.alloc(16)
  // The name: a pointer to the question's.
  record.writeUInt16BE(0xc00c, 0)
  record.writeUInt16BE(typeA, 2)
  record.writeUInt16BE(classInternet, 4)
  record.writeUInt32BE(ttlSeconds, 6)
  record.writeUInt16BE(4, 10)
  for (const [index, part] of address.split('.').entries()) record[12 + index] = Number(part)
  return record
}
