// The least that Fastify needs to be a proxy: no keys, no limits, no metrics, no log. Prints where it listens.
import proxy from '@fastify/http-proxy'
import Fastify from 'fastify'

const app = Fastify()
await app.register(proxy, { upstream: process.argv[2] })
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`listening on ${new URL(url).port}\n`)
