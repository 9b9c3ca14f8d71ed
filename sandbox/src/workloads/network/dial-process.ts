/**
 * Runs inside a pod's network namespace: `node dial-process.ts PORT`. Joins standard input and output to that port of the
 * pod's own localhost; a first byte tells that it answered.
 */
import { connect } from 'node:net'

const upstream = connect({ host: '127.0.0.1', port: Number(process.argv[2]), allowHalfOpen: true })
upstream.on('connect', () => {
  process.stdout.write('\0')
  process.stdin.pipe(upstream).pipe(process.stdout)
})
upstream.on('error', error => {
  process.stderr.write(error.message)
  process.exit(1)
})
