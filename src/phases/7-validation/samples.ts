import type { Question } from './http.ts'

/** Real inputs of the sample models, and what these have to say of them (services/model-serving/test/samples.test.ts). */

/** An Iris setosa and a virginica from Fisher's own table. */
export const irisQuestion = {
  inputs: [
    {
      name: 'measurements',
      datatype: 'FP32',
      shape: [2, 4],
      data: [5.1, 3.5, 1.4, 0.2, 6.3, 3.3, 6.0, 2.5],
    },
  ],
  outputs: [{ name: 'species' }],
}
export const irisAnswer = 'setosa, virginica'

const three = [
  0, 0, 7, 15, 13, 1, 0, 0, 0, 8, 13, 6, 15, 4, 0, 0, 0, 2, 1, 13, 13, 0, 0, 0, 0, 0, 2, 15, 11, 1, 0, 0, 0,
  0, 0, 1, 12, 12, 1, 0, 0, 0, 0, 0, 1, 10, 8, 0, 0, 0, 8, 4, 5, 14, 9, 0, 0, 0, 7, 13, 13, 9, 0, 0,
]
/** A three, 8x8 pixels from 0 to 16. */
export const digitsQuestion = {
  inputs: [{ name: 'pixels', datatype: 'FP32', shape: [1, 64], data: three }],
}
export const digitsAnswer = 3

/** An inference, as the gateway is asked for it. */
export function inference(model: string, json: object, key: string): Question {
  return { method: 'POST', path: `/v2/models/${model}/infer`, headers: { 'x-api-key': key }, json }
}
