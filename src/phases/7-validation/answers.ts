import * as z from 'zod'
import { parseJson } from '../../engine/json.ts'
import type { Answer } from './http.ts'
import { expectEqual, failed, type Outcome } from './outcome.ts'
import { digitsAnswer, irisAnswer } from './samples.ts'

const inferenceSchema = z.looseObject({
  model_version: z.string().optional(),
  outputs: z.array(z.looseObject({ name: z.string(), data: z.array(z.unknown()) })),
})

/** Whether the gateway's answer to the sample is the model's. */
export function irisOutcome(answer: Answer): Outcome {
  return judged(answer, 'species', data => expectEqual('species', irisAnswer, data.join(', ')))
}

export function digitsOutcome(answer: Answer): Outcome {
  return judged(answer, 'probabilities', data => {
    const numbers = data.map(Number)
    return expectEqual('digit', digitsAnswer, numbers.indexOf(Math.max(...numbers)))
  })
}

function judged(answer: Answer, output: string, judge: (data: readonly unknown[]) => Outcome): Outcome {
  if (answer.status !== 200) return failed('200', shown(answer))
  const parsed = inferenceSchema.safeParse(parseJson(answer.text))
  const data = parsed.data?.outputs.find(({ name }) => name === output)?.data ?? parsed.data?.outputs[0]?.data
  return data === undefined ? failed(`an output ${output}`, shown(answer)) : judge(data)
}

export function shown({ status, text }: Answer): string {
  return `${status} ${text.slice(0, 300)}`
}
