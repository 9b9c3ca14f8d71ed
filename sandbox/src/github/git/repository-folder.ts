import { chmod, mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hub } from '../hub.ts'
import type { Repository } from '../records.ts'
import { git, gitFolder } from './git.ts'

/**
 * Refuses what the branch's rules do not allow, in GitHub's words. The rules come in the environment, a line each:
 * `<pattern of refs>|<what is forbidden>|<code>`.
 */
const preReceive = `#!/bin/sh
zero=0000000000000000000000000000000000000000
failed=0
refuse() { echo "error: $code: $title $ref." >&2; echo "error: $1" >&2; failed=1; }
while read -r before after ref; do
  if [ -n "$HUB_NO_WORKFLOWS" ] && [ "$after" != $zero ]; then
    if [ "$before" = $zero ]; then changed=$(git ls-tree -r --name-only "$after" -- .github/workflows)
    else changed=$(git diff --name-only "$before" "$after" -- .github/workflows); fi
    for file in $changed; do
      echo "error: refusing to allow $HUB_NO_WORKFLOWS to create or update workflow \\\`$file\\\` without \\\`workflow\\\` scope" >&2; failed=1; break
    done
  fi
  while IFS='|' read -r pattern rule code; do
    [ -n "$pattern" ] || continue
    case "$ref" in $pattern) ;; *) continue ;; esac
    if [ "$code" = GH013 ]; then title='Repository rule violations found for'; else title='Protected branch update failed for'; fi
    case "$rule" in
      delete) [ "$after" = $zero ] && refuse 'Cannot delete this protected branch' ;;
      create) [ "$before" = $zero ] && refuse 'Cannot create ref due to creations being restricted.' ;;
      force) if [ "$before" != $zero ] && [ "$after" != $zero ] && ! git merge-base --is-ancestor "$before" "$after"; then refuse 'Cannot force-push to this branch'; fi ;;
      pull) [ "$after" != $zero ] && [ "$before" != $zero ] && refuse 'Changes must be made through a pull request.' ;;
      checks*) [ "$after" != $zero ] && [ "$before" != $zero ] && refuse "$(echo "$rule" | sed 's/^checks://') required status checks are expected." ;;
      lock) [ "$after" != "$before" ] && refuse 'Cannot change this locked branch' ;;
    esac
  done <<RULES
$HUB_RULES
RULES
done
exit $failed
`

/** An empty bare repository, with the hook that keeps its rules. */
export async function makeRepositoryFolder(hub: Hub, repository: Repository): Promise<void> {
  const folder = gitFolder(hub, repository)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await git(folder, ['init', '--quiet', '--bare', `--initial-branch=${repository.defaultBranch}`])
  const settings = {
    'http.receivepack': 'true',
    'receive.advertisePushOptions': 'true',
    'uploadpack.allowFilter': 'true',
    'uploadpack.allowAnySHA1InWant': 'true',
    'gc.auto': '0',
    'receive.autogc': 'false',
    'core.logAllRefUpdates': 'false',
  }
  for (const [name, value] of Object.entries(settings)) await git(folder, ['config', name, value])
  await rm(join(folder, 'hooks'), { recursive: true, force: true })
  await mkdir(join(folder, 'hooks'))
  const hook = join(folder, 'hooks', 'pre-receive')
  await writeFile(hook, preReceive)
  await chmod(hook, 0o700)
}

export async function removeRepositoryFolder(hub: Hub, repository: Repository): Promise<void> {
  await rm(gitFolder(hub, repository), { recursive: true, force: true })
}
