// What all load scripts share. mlp gives the rest in MLP_LOAD (JSON) and MLP_KEY; by hand:
//   MLP_LOAD='{"origin":"https://HOST","hosts":{"HOST":"127.0.0.1:PORT"},"cloud":"aws","rate":5,"p95Ms":1000,"errorRate":0.001}'
//   MLP_KEY=... MLP_SUMMARY=summary.json k6 run smoke.js
import { check } from 'k6'
import http from 'k6/http'

const load = JSON.parse(__ENV.MLP_LOAD)
// Load goes to a port of this machine that leads to the platform's own gateway, and nowhere else.
const [, , name] = /^(https?):\/\/([a-z0-9.-]+)(:\d+)?$/.exec(load.origin) || []
const address = name === '127.0.0.1' ? name : load.hosts?.[name]
if (address === undefined || !/^127\.0\.0\.1(:\d+)?$/.test(address))
  throw new Error(`${load.origin} is not a way to the platform’s own gateway`)

// Real inputs of the sample models.
const questions = [
  { model: 'iris', body: JSON.stringify(load.iris) },
  { model: 'digits', body: JSON.stringify(load.digits) },
]
http.setResponseCallback(http.expectedStatuses(200))

/** Stages in shares of the rate that mlp has chosen; a breach of an objective ends the test. */
export function planned(stages) {
  const abort = threshold => [{ threshold, abortOnFail: true, delayAbortEval: '10s' }]
  const rate = load.rate
  return {
    scenarios: {
      [load.cloud]: {
        executor: 'ramping-arrival-rate',
        startRate: Math.max(1, Math.round(rate * 0.2)),
        timeUnit: '1s',
        preAllocatedVUs: Math.max(5, Math.ceil(rate / 4)),
        maxVUs: Math.max(20, Math.ceil(rate * 2)),
        stages: stages.map(({ share, duration }) => ({
          target: Math.max(1, Math.round(rate * share)),
          duration,
        })),
        gracefulStop: '10s',
        tags: { cloud: load.cloud },
      },
    },
    thresholds: {
      http_req_failed: abort(`rate<${load.errorRate}`),
      http_req_duration: abort(`p(95)<${load.p95Ms}`),
      checks: abort('rate>0.999'),
    },
    hosts: load.hosts || {},
    userAgent: 'mlp-validation',
    summaryTrendStats: ['avg', 'min', 'med', 'max', 'p(90)', 'p(95)', 'p(99)'],
  }
}

/** One inference, whose answer has to be a model's. */
export function infer() {
  const { model, body } = questions[Math.floor(Math.random() * questions.length)]
  const answer = http.post(`${load.origin}/v2/models/${model}/infer`, body, {
    headers: { 'content-type': 'application/json', 'x-api-key': __ENV.MLP_KEY },
    tags: { name: 'infer', model },
    timeout: '30s',
  })
  check(answer, { 'a result': ({ status, body: text }) => status === 200 && text.includes('"outputs"') })
}

/** k6 1.x and 2.x give different documents here; src/tools/k6.ts reads both. */
export function handleSummary(data) {
  return { [__ENV.MLP_SUMMARY]: JSON.stringify(data) }
}
