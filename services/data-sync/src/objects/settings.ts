import * as z from 'zod'
import { storeSettings } from '../settings.ts'
import { type Location, parseLocation } from '../stores/location.ts'

/** Test data, and nothing else: whatever else is named is refused before a store is asked. */
const testPrefix = 'mlp-validation/'

function testLocation(text: string, context: z.RefinementCtx): Location {
  const location = parseLocation(text)
  if (location?.prefix.startsWith(testPrefix) === true) return location
  context.addIssue({ code: 'custom', message: `expected a location below ${testPrefix}` })
  return z.NEVER
}

const testLocations = z
  .string()
  .default('')
  .transform((text, context) =>
    text
      .split(' ')
      .filter(Boolean)
      .map(each => testLocation(each, context)),
  )

export const objectsSettings = z.object({
  ...storeSettings,
  /** Locations, separated by spaces. A file `1__a__b` of OBJECTS_FOLDER becomes the object `a/b` of the second. */
  OBJECTS_PUT: testLocations,
  OBJECTS_FOLDER: z.string().default('/objects'),
  /** Locations below which everything goes, before anything is put. */
  OBJECTS_REMOVE: testLocations,
})
