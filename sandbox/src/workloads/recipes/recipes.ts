import { allowFileWatches } from '../file-watch-limit.ts'
import { canRedirect } from '../network/redirect.ts'
import { istioRecipes } from './istio.ts'
import { prometheusRecipes } from './prometheus.ts'
import type { Recipe, RecipePrograms } from './recipe.ts'
import { telemetryRecipes } from './telemetry.ts'
import { webhookCertificates } from './webhook-certificates.ts'

/** One list for all; each file beside this one tells of one project's images. */
const all: readonly Recipe[] = [
  ...istioRecipes,
  ...prometheusRecipes,
  ...telemetryRecipes,
  webhookCertificates,
]

/** Those that this machine has, or can get, every program of. */
export async function obtainableRecipes(
  programs: Pick<RecipePrograms, 'isObtainable'>,
): Promise<readonly Recipe[]> {
  const redirects = (await canRedirect()) && (await allowFileWatches())
  const obtainable = await Promise.all(
    all.map(async recipe => {
      if (recipe.needsRedirection === true && !redirects) return false
      const each = await Promise.all(Object.values(recipe.programs).map(tool => programs.isObtainable(tool)))
      return each.every(Boolean)
    }),
  )
  return all.filter((_recipe, index) => obtainable[index])
}

/** Those that kwok plays on this machine, for want of what it takes to get or to run their programs. */
export function leftOut(recipes: readonly Recipe[]): readonly Recipe[] {
  return all.filter(recipe => !recipes.includes(recipe))
}

export function findRecipe(recipes: readonly Recipe[], image: string): Recipe | undefined {
  return recipes.find(({ images }) => new RegExp(images).test(image))
}
