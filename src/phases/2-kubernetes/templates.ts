import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { type KubeObject, kubeObjectSchema } from '../../kube/objects.ts'
import type { Context } from '../phase.ts'

/**
 * The objects of one file in templates/kubernetes. Values are set on them as data; nothing is pasted into text. A
 * template that does not parse is a bug of mlp's.
 */
export async function loadTemplate(
  context: Pick<Context, 'templates'>,
  file: string,
): Promise<readonly KubeObject[]> {
  return await loadObjects(join(context.templates, 'kubernetes', file))
}

/** Of any file of mlp's own. */
export async function loadObjects(path: string): Promise<readonly KubeObject[]> {
  return objectsIn(await readFile(path, 'utf8'), path)
}

/** @param origin where the text is from, for who has to mend it */
export function objectsIn(text: string, origin: string): readonly KubeObject[] {
  return parseAllDocuments(text).flatMap(document => {
    const [error] = document.errors
    if (error !== undefined) throw new Error(`${origin}: ${error.message}`)
    // What is joined from several files has places with nothing but comments.
    return document.contents === null ? [] : [kubeObjectSchema.parse(document.toJS())]
  })
}

/** The only object of a file. */
export async function loadOne(context: Pick<Context, 'templates'>, file: string): Promise<KubeObject> {
  const [object, ...others] = await loadTemplate(context, file)
  if (object === undefined || others.length > 0) throw new Error(`${file} does not hold exactly one object`)
  return object
}
