import type { ServiceApp } from '@mlp/service-kit/app'
import { ProblemError, problemResponses } from '@mlp/service-kit/problem'
import * as z from 'zod'
import type { Job, Jobs } from '../database/jobs.ts'
import { jobSpecSchema } from '../job-spec.ts'
import { idParams, jobJson, jobSchema, pageLimit } from './schemas.ts'

const tags = ['jobs']

export function addJobRoutes(app: ServiceApp, jobs: Jobs): void {
  app.route({
    method: 'POST',
    url: '/v1/jobs',
    schema: {
      ...{ tags, summary: 'Makes a job', body: jobSpecSchema },
      response: {
        201: jobSchema,
        ...problemResponses({ 400: 'Not a job', 409: 'Another job has this name' }),
      },
    },
    async handler(request, reply) {
      const job = await jobs.create(request.body)
      if (job === undefined) throw nameTaken(request.body.name)
      return reply
        .code(201)
        .header('location', `/v1/jobs/${job.id}`)
        .header('etag', etagOf(job))
        .send(jobJson(job))
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/jobs',
    schema: {
      ...{ tags, summary: 'Lists jobs by name' },
      querystring: z.object({
        after: z.string().max(100).default('').describe('The last name of the page before'),
        limit: pageLimit,
      }),
      response: { 200: z.object({ jobs: z.array(jobSchema) }), ...problemResponses({ 400: 'Not a page' }) },
    },
    async handler(request) {
      const { after, limit } = request.query
      return { jobs: (await jobs.list(after, limit)).map(jobJson) }
    },
  })
  app.route({
    method: 'GET',
    url: '/v1/jobs/:id',
    schema: {
      ...{ tags, summary: 'Shows a job', params: idParams },
      response: { 200: jobSchema, ...problemResponses({ 400: 'Not an id', 404: 'No such job' }) },
    },
    async handler(request, reply) {
      const job = await requireJob(jobs, request.params.id)
      return reply.header('etag', etagOf(job)).send(jobJson(job))
    },
  })
  app.route({
    method: 'PUT',
    url: '/v1/jobs/:id',
    schema: {
      ...{ tags, summary: 'Replaces a job; runs that were accepted keep the old one', params: idParams },
      headers: z.object({
        'if-match': z
          .string()
          .regex(/^"\d+"$/)
          .describe('The ETag that the change is based on'),
      }),
      body: jobSpecSchema,
      response: {
        200: jobSchema,
        ...problemResponses({
          400: 'Not a job, or no If-Match',
          404: 'No such job',
          409: 'Another job has this name',
          412: 'It was changed meanwhile',
        }),
      },
    },
    async handler(request, reply) {
      const { id } = request.params
      const version = Number(request.headers['if-match'].slice(1, -1))
      const outcome = await jobs.replace(id, version, request.body)
      if (outcome === 'name-taken') throw nameTaken(request.body.name)
      if (outcome === 'not-this-version') {
        const current = await requireJob(jobs, id)
        throw new ProblemError({
          status: 412,
          kind: 'job-changed',
          title: 'The job was changed meanwhile',
          detail: `It has version ${current.version} by now. Look at it, and send If-Match: ${etagOf(current)}.`,
        })
      }
      return reply.header('etag', etagOf(outcome)).send(jobJson(outcome))
    },
  })
  app.route({
    method: 'DELETE',
    url: '/v1/jobs/:id',
    schema: {
      ...{ tags, summary: 'Removes a job and its history; objects stay where they are', params: idParams },
      response: {
        204: z.null(),
        ...problemResponses({ 400: 'Not an id', 404: 'No such job', 409: 'A run is under way' }),
      },
    },
    async handler(request, reply) {
      const { id } = request.params
      await requireJob(jobs, id)
      if (!(await jobs.remove(id))) {
        throw new ProblemError({
          status: 409,
          kind: 'run-under-way',
          title: 'A run of the job is under way',
          detail: 'Cancel it, or wait until it ends.',
        })
      }
      return reply.code(204).send(null)
    },
  })
}

export async function requireJob(jobs: Jobs, id: string): Promise<Job> {
  const job = await jobs.get(id)
  if (job !== undefined) return job
  throw new ProblemError({ status: 404, kind: 'job-not-found', title: 'No such job' })
}

function nameTaken(name: string): ProblemError {
  return new ProblemError({
    status: 409,
    kind: 'job-name-taken',
    title: 'Another job has this name',
    detail: `There is a job ${name} already.`,
  })
}

function etagOf(job: Job): string {
  return `"${job.version}"`
}
