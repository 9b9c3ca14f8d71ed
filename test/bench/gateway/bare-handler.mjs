// The other proxy that one would write in a few lines: undici in a handler of Fastify. Prints where it listens.
import Fastify from 'fastify'
import { Pool } from 'undici'

const pool = new Pool(process.argv[2])
const app = Fastify()
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', (_request, body, done) => done(null, body))
app.all('/*', async (request, reply) => {
  const { connection, host, ...headers } = request.headers
  const { method, url } = request
  const body = method === 'GET' || method === 'HEAD' ? null : request.body
  const answer = await pool.request({ method, path: url, headers, body })
  reply.code(answer.statusCode)
  for (const name in answer.headers) {
    if (name !== 'connection' && name !== 'keep-alive') reply.header(name, answer.headers[name])
  }
  return reply.send(answer.body)
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listening on ${new URL(url).port}\n`)
