import { invalid } from '../errors.ts'
import type { Datatype, Tensor } from '../tensors/datatypes.ts'

/** An input or output as the model declares it; a dimension of -1 may have any size. */
export interface TensorSpec {
  readonly name: string
  readonly datatype: Datatype
  readonly shape: readonly number[]
}

/** What a model takes and gives. */
export interface Signature {
  readonly inputs: readonly TensorSpec[]
  readonly outputs: readonly TensorSpec[]
}

/** The tensors in the order of the model's inputs. Throws RequestRefused unless they are just what the model takes. */
export function matchInputs(signature: Signature, tensors: readonly Tensor[]): readonly Tensor[] {
  const { inputs } = signature
  const [spec] = inputs
  const [only] = tensors
  // As most often: one input, and nothing wrong with it.
  if (inputs.length === 1 && tensors.length === 1 && spec !== undefined && only !== undefined) {
    if (only.name === spec.name && only.datatype === spec.datatype && shapeFits(spec.shape, only.shape))
      return tensors
  }
  const matched = inputs.map(spec => {
    const tensor = tensors.find(({ name }) => name === spec.name)
    if (tensor === undefined) throw invalid(`input '${spec.name}' is missing`)
    if (tensor.datatype !== spec.datatype) {
      throw invalid(`input '${spec.name}' is ${tensor.datatype}, but the model takes ${spec.datatype}`)
    }
    if (!shapeFits(spec.shape, tensor.shape)) {
      throw invalid(
        `input '${spec.name}' has the shape [${tensor.shape.join(', ')}], but the model takes [${spec.shape.join(', ')}]`,
      )
    }
    return tensor
  })
  if (tensors.length !== inputs.length) {
    const extra = tensors.find((tensor, index) => {
      const isKnown = inputs.some(({ name }) => name === tensor.name)
      return !isKnown || tensors.findIndex(({ name }) => name === tensor.name) !== index
    })
    throw invalid(`input '${extra?.name}' is not one of the model's, or is given twice`)
  }
  return matched
}

/** Where the outputs asked for stand among the model's. Throws RequestRefused for one that the model does not have. */
export function outputIndexes(
  signature: Signature,
  wanted: readonly { readonly name: string }[],
): readonly number[] {
  return wanted.map(({ name }) => {
    const index = signature.outputs.findIndex(output => output.name === name)
    if (index === -1) throw invalid(`the model has no output '${name}'`)
    return index
  })
}

/** Whether every input and output can grow along its first dimension, as batching needs. */
export function hasBatchDimension({ inputs, outputs }: Signature): boolean {
  return inputs.length > 0 && [...inputs, ...outputs].every(({ shape }) => shape[0] === -1)
}

function shapeFits(declared: readonly number[], given: readonly number[]): boolean {
  if (declared.length !== given.length) return false
  for (let index = 0; index < declared.length; index++) {
    if (declared[index] !== -1 && declared[index] !== given[index]) return false
  }
  return true
}
