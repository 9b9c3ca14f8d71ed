import type { Opened } from './repository.ts'

/** Variables of an environment, or of the whole repository where that is undefined. Names and ids, no secrets. */
export async function readVariables(
  { github, at }: Opened,
  environment: string | undefined,
): Promise<ReadonlyMap<string, string> | undefined> {
  const page = { per_page: 30 }
  const found = await github.find('reading variables', octokit =>
    environment === undefined
      ? octokit.request('GET /repos/{owner}/{repo}/actions/variables', { ...at, ...page })
      : octokit.request('GET /repos/{owner}/{repo}/environments/{environment_name}/variables', {
          ...at,
          ...page,
          environment_name: environment,
        }),
  )
  return found && new Map(found.variables.map(({ name, value }) => [name, value]))
}

export async function findVariable(
  { github, at }: Opened,
  environment: string | undefined,
  name: string,
): Promise<string | undefined> {
  const found = await github.find(`reading the variable ${name}`, octokit =>
    environment === undefined
      ? octokit.request('GET /repos/{owner}/{repo}/actions/variables/{name}', { ...at, name })
      : octokit.request('GET /repos/{owner}/{repo}/environments/{environment_name}/variables/{name}', {
          ...at,
          environment_name: environment,
          name,
        }),
  )
  return found?.value
}

export async function setVariable(
  opened: Opened,
  environment: string | undefined,
  name: string,
  value: string,
): Promise<void> {
  const { github, at } = opened
  const before = await findVariable(opened, environment, name)
  if (before === value) return
  await github.ask(`setting the variable ${name}`, octokit => {
    if (environment === undefined) {
      return before === undefined
        ? octokit.request('POST /repos/{owner}/{repo}/actions/variables', { ...at, name, value })
        : octokit.request('PATCH /repos/{owner}/{repo}/actions/variables/{name}', { ...at, name, value })
    }
    const there = { ...at, environment_name: environment, name, value }
    return before === undefined
      ? octokit.request('POST /repos/{owner}/{repo}/environments/{environment_name}/variables', there)
      : octokit.request('PATCH /repos/{owner}/{repo}/environments/{environment_name}/variables/{name}', there)
  })
}

export async function removeVariable(
  { github, at }: Opened,
  environment: string | undefined,
  name: string,
): Promise<void> {
  await github.find(`removing the variable ${name}`, octokit =>
    environment === undefined
      ? octokit.request('DELETE /repos/{owner}/{repo}/actions/variables/{name}', { ...at, name })
      : octokit.request('DELETE /repos/{owner}/{repo}/environments/{environment_name}/variables/{name}', {
          ...at,
          environment_name: environment,
          name,
        }),
  )
}
