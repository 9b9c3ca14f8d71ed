const units = new Map([
  ['n', 1e-9],
  ['u', 1e-6],
  ['m', 1e-3],
  ['', 1],
  ['k', 1e3],
  ['M', 1e6],
  ['G', 1e9],
  ['T', 1e12],
  ['P', 1e15],
  ['Ki', 1024],
  ['Mi', 1024 ** 2],
  ['Gi', 1024 ** 3],
  ['Ti', 1024 ** 4],
  ['Pi', 1024 ** 5],
])

/**
 * A Kubernetes quantity (`1930m`, `7934212Ki`, `2`) as a number of its base unit: CPUs, bytes. NaN for what is none.
 * https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function amountOf(quantity: string): number {
  const [, amount, unit = ''] = /^(\d+(?:\.\d*)?|\.\d+)([A-Za-z]*)$/.exec(quantity) ?? []
  return amount === undefined ? Number.NaN : Number(amount) * (units.get(unit) ?? Number.NaN)
}
