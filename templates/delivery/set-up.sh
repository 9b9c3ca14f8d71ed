#!/usr/bin/env bash
# Written by `mlp phase 6`. Sees to it that the mlp of mlp.lock is on the PATH, and hands the guide's four secrets to
# it where the pipeline uses them. A runner that has that mlp needs nothing.
set -euo pipefail

wanted="$(node --print 'JSON.parse(require("node:fs").readFileSync("mlp.lock", "utf8")).mlp')"
if command -v mlp > /dev/null && [ "$(mlp --version)" = "$wanted" ]; then
  echo "mlp $wanted is here."
elif [ -n "${MLP_REPOSITORY:-}" ]; then
  git clone --quiet --depth 1 --branch "v$wanted" "https://github.com/$MLP_REPOSITORY.git" "$RUNNER_TEMP/mlp"
  npm ci --prefix "$RUNNER_TEMP/mlp" --no-audit --no-fund
  mkdir -p "$RUNNER_TEMP/bin"
  ln -sf "$RUNNER_TEMP/mlp/bin/mlp.js" "$RUNNER_TEMP/bin/mlp"
  echo "$RUNNER_TEMP/bin" >> "$GITHUB_PATH"
else
  echo "::error::This runner has no mlp $wanted, and delivery.mlp in mlp.yaml does not say where to get it."
  exit 1
fi

if [ -n "${GCP_SA_KEY:-}" ]; then
  (umask 077 && printf '%s' "$GCP_SA_KEY" > "$RUNNER_TEMP/gcp.json")
  echo "GOOGLE_APPLICATION_CREDENTIALS=$RUNNER_TEMP/gcp.json" >> "$GITHUB_ENV"
fi
if [ -n "${AZURE_CREDENTIALS:-}" ]; then
  node --eval '
    const { clientId, clientSecret, tenantId } = JSON.parse(process.env.AZURE_CREDENTIALS)
    console.log(`::add-mask::${clientSecret}`)
    require("node:fs").appendFileSync(process.env.GITHUB_ENV,
      `AZURE_CLIENT_ID=${clientId}\nAZURE_CLIENT_SECRET=${clientSecret}\nAZURE_TENANT_ID=${tenantId}\n`)
  '
fi
