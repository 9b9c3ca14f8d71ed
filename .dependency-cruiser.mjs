/** The rules of docs/architecture.md that a reader would otherwise have to remember. */
const only = (name, comment, packagePattern, allowed) => ({
  name,
  comment,
  severity: 'error',
  from: { path: '^(src|sandbox/src)/', pathNot: allowed },
  to: { path: packagePattern },
})

const rooms = {
  engine: '^src/(config|tools|clouds|kube|phases|cli)/',
  config: '^src/(tools|clouds|kube|phases|cli)/',
  tools: '^src/(kube|phases|cli)/',
  kube: '^src/(phases|cli)/',
  clouds: '^src/(kube|phases|cli)/',
  phases: '^src/cli/',
}

export default {
  forbidden: [
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'Two modules that need each other are one module, or three.',
      from: {},
      to: { circular: true },
    },
    {
      name: 'not-resolvable',
      severity: 'error',
      from: {},
      // A package that is nothing but types has nothing that could be resolved.
      to: { couldNotResolve: true, pathNot: '^@octokit/openapi-types$' },
    },
    ...Object.entries(rooms).map(([room, upward]) => ({
      name: `${room}-imports-downward`,
      comment: 'cli -> phases -> {clouds, kube, tools} -> config, engine',
      severity: 'error',
      from: { path: `^src/${room}/` },
      to: { path: upward },
    })),
    {
      name: 'steps-and-checks-ask-the-world',
      comment: "Neither a step's status() nor a check may know what mlp remembers.",
      severity: 'error',
      from: { path: '^src/(phases|clouds|kube|tools)/' },
      to: { path: '^src/engine/state' },
    },
    {
      name: 'product-does-not-know-the-sandbox',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^sandbox/' },
    },
    {
      name: 'sandbox-is-a-world-of-its-own',
      comment:
        'It shares the toolchain and the way commands are run, nothing that could make product and test agree by accident.',
      severity: 'error',
      from: { path: '^sandbox/src/' },
      to: { path: '^src/', pathNot: '^src/(engine|tools/(toolchain|exec))' },
    },
    {
      name: 'services-stand-alone',
      comment:
        'A service is deployed without the CLI, the sandbox and the other services; it shares only the kit.',
      severity: 'error',
      from: { path: '^services/([^/]+)/' },
      to: { path: '^(src|sandbox|services)/', pathNot: '^services/($1|kit)/' },
    },
    {
      name: 'nothing-imports-services',
      comment: 'They are reached over the network, as images.',
      severity: 'error',
      from: { path: '^(src|sandbox)/' },
      to: { path: '^services/' },
    },
    only(
      'aws-sdk-in-one-room',
      'The only importer of a cloud SDK is its adapter.',
      'node_modules/@aws-sdk/|node_modules/@smithy/',
      '^src/clouds/aws/|^sandbox/src/clouds/aws/',
    ),
    only(
      'google-sdk-in-one-room',
      'The only importer of a cloud SDK is its adapter.',
      'node_modules/(@google-cloud/|google-auth-library|google-gax)',
      '^src/clouds/gcp/',
    ),
    only(
      'azure-sdk-in-one-room',
      'The only importer of a cloud SDK is its adapter.',
      'node_modules/@azure/',
      '^src/clouds/azure/',
    ),
    only(
      'kubernetes-client-in-one-room',
      'All access to a cluster goes through src/kube.',
      'node_modules/@kubernetes/client-node',
      '^src/kube/',
    ),
    only(
      'execa-in-one-file',
      'Every external command is run, logged and masked in one place.',
      'node_modules/execa',
      '^src/tools/exec',
    ),
    only(
      'prompts-in-one-file',
      'Every question is asked in one place, which knows about terminals and flags.',
      'node_modules/@inquirer/',
      '^src/cli/prompts',
    ),
    only('listr2-in-the-tasks-view', 'Only the tasks view draws.', 'node_modules/listr2', '^src/cli/views/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    parser: 'swc',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.mjs', '.js', '.json'],
    },
  },
}
