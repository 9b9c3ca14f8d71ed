import { elementCount, newArray, type Tensor, type TensorData } from '../tensors/datatypes.ts'
import { fromFloat16 } from '../tensors/float16.ts'
import { concatenate, split } from './batch.ts'
import { openSession, type Session } from './session.ts'
import { hasBatchDimension, type Signature, type TensorSpec } from './signature.ts'

/** A session after its first runs. */
export interface WarmSession {
  readonly session: Session
  /** Time of one run with as many rows as a batch may have; undefined if the model refuses made-up inputs. */
  readonly batchMs: number | undefined
}

/** Long enough that a busy machine lets at least one run through undisturbed. */
const measureMs = 50

/** Loads a model and runs it on made-up inputs, so that no caller pays for its first run. Throws as openSession does. */
export async function openWarmSession(file: string, threads: number, maxRows: number): Promise<WarmSession> {
  const session = openSession(file, threads)
  try {
    if (maxRows > 1 && !hasBatchDimension(session.signature)) {
      throw new Error(
        'batching is configured, but not every input and output has a first dimension of any size',
      )
    }
    return { session, batchMs: await warmUp(session, maxRows) }
  } catch (error) {
    await session.close()
    throw error
  }
}

/** Where the model is to be batched, this also proves that a row's result does not depend on the other rows. */
async function warmUp(session: Session, maxRows: number): Promise<number | undefined> {
  const { signature } = session
  const one = sampleInputs(signature, 1, 1)
  const other = sampleInputs(signature, 1, 2)
  let separate: readonly (readonly Tensor[])[]
  try {
    separate = [await session.run(one), await session.run(other)]
  } catch {
    return undefined
  }
  if (maxRows > 1) {
    const together = split(await session.run(concatenate([one, other])), [1, 1])
    for (const [index, outputs] of separate.entries()) {
      for (const [at, output] of outputs.entries()) {
        const batched = together[index]?.[at]
        if (batched === undefined || !isClose(output, batched)) {
          throw new Error(
            `output '${output.name}' of a row changes with the other rows in its batch: the model cannot be batched`,
          )
        }
      }
    }
  }
  const full = sampleInputs(signature, maxRows, 3)
  let batchMs = Number.POSITIVE_INFINITY
  const deadline = performance.now() + measureMs
  do {
    const startedAt = performance.now()
    await session.run(full)
    batchMs = Math.min(batchMs, performance.now() - startedAt)
  } while (performance.now() < deadline)
  return batchMs
}

/** Inputs with so many rows; every other dimension that may have any size has one element. The same for a seed always. */
function sampleInputs({ inputs }: Signature, rows: number, seed: number): readonly Tensor[] {
  return inputs.map(spec => {
    const shape = spec.shape.map((size, axis) => (size !== -1 ? size : axis === 0 ? rows : 1))
    return { ...spec, shape, data: sampleData(spec, elementCount(shape), seed) }
  })
}

/** Integers are 0 and 1: larger ones may be out of the range of what the model looks up. */
function sampleData({ datatype }: TensorSpec, length: number, seed: number): TensorData {
  let state = seed
  const next = (): number => {
    // Park and Miller's minimal standard generator.
    state = (state * 48_271) % 2_147_483_647
    return state / 2_147_483_647
  }
  if (datatype === 'BYTES') return Array.from({ length }, () => (next() < 0.5 ? 'a' : 'b'))
  const data = newArray(datatype, length)
  for (let index = 0; index < length; index++) {
    if (data instanceof BigInt64Array || data instanceof BigUint64Array) data[index] = next() < 0.5 ? 0n : 1n
    else if (datatype === 'FP16') data[index] = next() < 0.5 ? 0 : 0x3c00
    else data[index] = datatype === 'FP32' || datatype === 'FP64' ? next() : Math.round(next())
  }
  return data
}

/** Whether results agree but for rounding: a batch may be computed in another order than a row. */
function isClose(one: Tensor, other: Tensor): boolean {
  if (one.data.length !== other.data.length) return false
  for (let index = 0; index < one.data.length; index++) {
    const [a, b] = [numberOf(one, index), numberOf(other, index)]
    if (Object.is(a, b)) continue
    const isFloat = one.datatype === 'FP16' || one.datatype === 'FP32' || one.datatype === 'FP64'
    if (!isFloat || typeof a !== 'number' || typeof b !== 'number') return false
    if (!(Math.abs(a - b) <= 1e-4 + 1e-3 * Math.abs(b))) return false
  }
  return true
}

function numberOf({ datatype, data }: Tensor, index: number): number | bigint | string | undefined {
  const element = data[index]
  return datatype === 'FP16' && typeof element === 'number' ? fromFloat16(element) : element
}
