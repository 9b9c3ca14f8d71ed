import { digitsOutcome, irisOutcome, shown } from './answers.ts'
import type { CloudBench } from './bench.ts'
import { type GatewayDoor, withGateway } from './gateway-door.ts'
import { ask } from './http.ts'
import { failed, type Outcome, passed, simulated } from './outcome.ts'
import type { ValidationTest } from './run-tests.ts'
import { digitsQuestion, inference, irisQuestion } from './samples.ts'

/** At the gateway that clients reach, with the operator's key. */
export const ingressTests: readonly ValidationTest<CloudBench>[] = [
  atGateway('gateway', 'The gateway answers, with its certificate', async (door, _bench, signal) => {
    const answer = await ask(door, { path: '/v2/health/ready' }, signal)
    return answer.status === 200
      ? passed(`/v2/health/ready answers 200 ${door.by}`)
      : failed('200', `${shown(answer)} ${door.by}`)
  }),
  atGateway('sign-in', 'Who shows no key, or a wrong one, is not let in', async (door, { key }, signal) => {
    const wrong = key.replace(/.$/, last => (last === 'A' ? 'B' : 'A'))
    const tries = [
      { who: 'without a key', headers: {}, wanted: 401 },
      { who: 'with a wrong key', headers: { 'x-api-key': wrong }, wanted: 401 },
      { who: 'with the operator’s key', headers: { 'x-api-key': key }, wanted: 200 },
    ]
    const bad: string[] = []
    for (const { who, headers, wanted } of tries) {
      const answer = await ask(door, { path: '/v1/models', headers }, signal)
      if (answer.status !== wanted) bad.push(`${who} ${shown(answer)}`)
    }
    const wanted = tries.map(each => `${each.who} ${each.wanted}`).join(', ')
    return bad.length === 0 ? passed(wanted) : failed(wanted, bad.join('; '))
  }),
  atGateway('inference', 'The sample models answer right', async (door, { key }, signal) => {
    const iris = await ask(door, inference('iris', irisQuestion, key), signal)
    const judged = irisOutcome(iris)
    if (judged.state !== 'passed') return judged
    const digits = await ask(door, inference('digits', digitsQuestion, key), signal)
    const other = digitsOutcome(digits)
    return other.state === 'passed' ? passed(`${judged.detail}; ${other.detail}`) : other
  }),
]

function atGateway(
  name: string,
  title: string,
  look: (door: GatewayDoor, bench: CloudBench, signal: AbortSignal) => Promise<Outcome>,
): ValidationTest<CloudBench> {
  return {
    name,
    title,
    ...(name === 'gateway' ? {} : { after: ['gateway'] }),
    async run(bench, signal) {
      const { context, client, cloud } = bench
      const outcome = await withGateway(context, client, cloud, door => look(door, bench, signal))
      return outcome ?? simulated('nothing runs in the gateway’s pods')
    },
  }
}
