import type { Upload } from './store.ts'

/** Where the parts of unfinished uploads live in a destination bucket; never listed as objects. */
export const scratchFolder = '.mlp-data-sync/'

export function scratchOf(upload: Upload): string {
  return `${scratchFolder}${upload.handle}/`
}
