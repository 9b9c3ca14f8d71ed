// Stands for a model server that needs no time: reads an inference, answers with one. Prints where it listens.
import { createServer } from 'node:http'

const answer = JSON.stringify({
  model_name: 'iris',
  model_version: '1',
  outputs: [{ name: 'label', datatype: 'INT64', shape: [1], data: [1] }],
})
const server = createServer((request, response) => {
  request.resume().on('end', () => {
    response
      .writeHead(200, { 'content-type': 'application/json', 'content-length': answer.length })
      .end(answer)
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`listening on ${server.address().port}\n`))
