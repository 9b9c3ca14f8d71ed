import { chmod, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  cloudDefaults,
  defaultSandboxConfig,
  gpuNodeDefaults,
  sandboxAccounts,
} from '../../../src/config/defaults.ts'
import type { LoadOptions } from '../../../src/config/load.ts'
import { loadConfig, parseConfig } from '../../../src/config/load.ts'
import { printConfig } from '../../../src/config/print.ts'
import type { Config } from '../../../src/config/schema.ts'
import { configSchema } from '../../../src/config/schema.ts'
import { MlpError } from '../../../src/engine/errors.ts'

const choice = { file: 'mlp.yaml', environment: undefined, target: undefined }

function parse(text: string, options: Partial<LoadOptions> = {}): Config {
  return parseConfig(text, { ...choice, ...options, file: 'mlp.yaml' })
}

function errorOf(run: () => unknown): MlpError {
  try {
    run()
  } catch (error) {
    if (error instanceof MlpError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** The lines of the detail, without the place in front. */
function mistakesOf(text: string, options: Partial<LoadOptions> = {}): string[] {
  const error = errorOf(() => parse(text, options))
  expect(error.code).toBe('MLP1004')
  expect(error.exitCode).toBe(2)
  return (error.detail ?? '').split('\n')
}

const head = 'apiVersion: mlp.dev/v1\nproject: ml-platform\n'

describe('what a file leaves out', () => {
  test('a cloud with nothing behind it takes every default of its environment', () => {
    for (const environment of ['dev', 'staging', 'prod'] as const) {
      const config = parse(`${head}clouds:\n  aws:\n`, { environment })
      expect(config.clouds).toEqual({ aws: { ...sandboxAccounts.aws, ...cloudDefaults(environment).aws } })
      expect(config).toMatchObject({ environment, target: 'sandbox', database: { engine: 'postgresql' } })
    }
  })

  test('production has at least a node in each of three zones, and more room than dev', () => {
    for (const cloud of ['aws', 'gcp', 'azure'] as const) {
      const [dev, prod] = [cloudDefaults('dev')[cloud].nodes, cloudDefaults('prod')[cloud].nodes]
      expect(prod.min).toBeGreaterThanOrEqual(3)
      expect(prod.max).toBeGreaterThan(dev.max)
      expect(prod.type).not.toBe(dev.type)
    }
  })

  test('GPU nodes are there only when asked for, and then whole', () => {
    const config = parse(`${head}clouds: { gcp: { gpuNodes: { max: 1 } }, aws: {} }\n`)
    expect(config.clouds.gcp?.gpuNodes).toEqual({ ...gpuNodeDefaults('gcp'), max: 1 })
    expect(config.clouds.aws).not.toHaveProperty('gpuNodes')
  })

  test('the real clouds need their accounts named', () => {
    expect(mistakesOf(`${head}target: cloud\nclouds: { aws: {}, gcp: {}, azure: {} }\n`)).toEqual([
      expect.stringMatching(/^mlp.yaml:4:16 {2}clouds.aws.accountId: found nothing; allowed: the 12 digits/),
      expect.stringMatching(/clouds.gcp.projectId: found nothing/),
      expect.stringMatching(/clouds.azure.subscriptionId: found nothing/),
    ])
  })

  test('a budget without a currency is in dollars', () => {
    expect(parse(`${head}clouds: { aws: }\nbudget: { amount: 900 }\n`).budget).toEqual({
      amount: 900,
      currency: 'USD',
    })
  })
})

describe('what wins', () => {
  const layered = `${head}environment: staging
clouds:
  aws: { nodes: { max: 20 }, region: eu-west-1 }
environments:
  staging: { clouds: { aws: { nodes: { max: 7 } } }, owner: staging-team }
  prod:
`
  test('the overlay over the base, the base over the defaults, key by key', () => {
    const config = parse(layered)
    expect(config.environment).toBe('staging')
    expect(config.owner).toBe('staging-team')
    expect(config.clouds.aws).toMatchObject({ region: 'eu-west-1', nodes: { min: 3, max: 7, spot: false } })
  })

  test('--env over the file, and an empty overlay changes nothing', () => {
    expect(parse(layered, { environment: 'prod' }).clouds.aws?.nodes.max).toBe(20)
  })

  test('--target over the file', () => {
    expect(parse(`${head}target: cloud\nclouds: { aws: }\n`, { target: 'sandbox' }).target).toBe('sandbox')
  })

  test('a zone is in the first cloud unless it says otherwise, and may be named by its id', () => {
    const zone = `${head}clouds: { gcp: , azure: }\ndomain: ml.example.com\n`
    expect(parse(`${zone}dns: { zone: example.com }`).dns).toEqual({ cloud: 'gcp', zone: 'example.com' })
    expect(parse(`${zone}dns: { cloud: azure, zone: /subscriptions/a/b }`).dns?.cloud).toBe('azure')
  })

  test('`database: azure-sql` is short, in base and overlay', () => {
    const short = `${head}clouds: { azure: }\ndatabase: azure-sql\n`
    expect(parse(short).database).toEqual({ engine: 'azure-sql' })
    const overlay = `${short}environments: { prod: { database: postgresql } }\n`
    expect(parse(overlay, { environment: 'prod' }).database).toEqual({ engine: 'postgresql' })
    expect(parse(`${head}clouds: { aws: }\ndatabase: {}\n`).database).toEqual({ engine: 'postgresql' })
  })
})

describe('mistakes', () => {
  test('all at once, in the order of the file, each with its place', () => {
    const text = `apiVersion: mlp.dev/v1
project: ML_platform
targt: cloud
clouds:
  aws:
    accountId: 012345678901
    region: your-region
    nodes: { min: 20, max: 10 }
    network: { cidr: 10.1.0.0/16, pods: 8.8.0.0/16 }
  gcp:
    kubernetesVersion: 1.35
database: mysql
environments:
  dev:
    clouds: { gcp: { nodes: { min: 0 } } }
  prod:
    clouds: { azur: {}, gcp: { nodes: { typ: x } } }
`
    expect(mistakesOf(text).map(line => line.replace(/; allowed.*/, ''))).toEqual([
      'mlp.yaml:2:10  project: found "ML_platform"',
      'mlp.yaml:3:1  targt: found an unknown key',
      'mlp.yaml:6:16  clouds.aws.accountId: found 12345678901',
      'mlp.yaml:7:13  clouds.aws.region: found "your-region", a placeholder',
      'mlp.yaml:8:19  clouds.aws.nodes.min: found 20',
      'mlp.yaml:9:41  clouds.aws.network.pods: found "8.8.0.0/16"',
      'mlp.yaml:11:5  clouds.gcp.network.cidr: found "10.1.0.0/16" (the default)',
      'mlp.yaml:11:24  clouds.gcp.kubernetesVersion: found 1.35',
      'mlp.yaml:12:11  database: found "mysql"',
      'mlp.yaml:15:36  environments.dev.clouds.gcp.nodes.min: found 0',
      'mlp.yaml:17:15  environments.prod.clouds.azur: found an unknown key',
      'mlp.yaml:17:41  environments.prod.clouds.gcp.nodes.typ: found an unknown key',
    ])
    expect(errorOf(() => parse(text)).message).toBe('mlp.yaml has 12 mistakes (environment dev)')
  })

  test.each([
    [
      'an unknown key, with what was meant',
      'clouds: { aws: { regoin: x } }',
      /regoin.*; did you mean region\?$/,
    ],
    [
      'an unknown key that resembles none',
      'clouds: { aws: }\nzzzzzzzz: 1',
      /zzzzzzzz.*allowed: apiVersion, [\w, ]+$/,
    ],
    [
      'an unknown key below a choice',
      'clouds: { aws: }\ndatabase: { engin: postgresql }',
      /:4:13 {2}database.engin: found an unknown key; allowed: engine; did you mean engine\?$/,
    ],
    [
      'a wrong value below a choice',
      'clouds: { aws: }\ndatabase: { engine: mysql }',
      /:4:21 {2}database.engine: found "mysql"; allowed: postgresql or azure-sql$/,
    ],
    [
      'neither of what there is a choice of',
      'clouds: { aws: }\ndatabase: [postgresql]',
      /database: found a list; allowed: postgresql or azure-sql$/,
    ],
    [
      'a number for a text',
      'clouds: { aws: }\nowner: 42',
      /owner: found 42; allowed: a team, a person or an e-mail address, in quotes$/,
    ],
    [
      'a number that JSON does not know',
      'clouds: { aws: { nodes: { min: .inf } } }',
      /min: found Infinity; allowed: a whole number from 1 to 1000$/,
    ],
    ['no cloud', 'clouds: {}', /clouds: found no cloud; allowed: at least one/],
    ['clouds left out', '', /clouds: found no cloud/],
    ['clouds that are no mapping', 'clouds: 5', /clouds: found 5; allowed: a mapping/],
    ['clouds as a list', 'clouds: [aws]', /clouds: found a list; allowed: a mapping/],
    ['a cloud that is no mapping', 'clouds: { aws: yes }', /clouds.aws: found "yes"; allowed: a mapping/],
    ['nodes that are no mapping', 'clouds: { aws: { nodes: 3 } }', /nodes: found 3; allowed: a mapping/],
    ['an empty value', 'clouds: { aws: { region: } }', /region: found nothing \(an empty value\)/],
    ['a mapping for a text', 'clouds: { aws: { region: {} } }', /region: found a mapping/],
    ['more nodes than there may be', 'clouds: { aws: { nodes: { max: 1001 } } }', /from 1 to 1000/],
    ['half a node', 'clouds: { aws: { nodes: { min: 1.5 } } }', /found 1.5; allowed: a whole number/],
    [
      'min over the default max',
      'clouds: { aws: { nodes: { min: 11 } } }',
      /min: found 11; allowed: at most nodes.max, which is 10/,
    ],
    [
      'min over max of GPU nodes',
      'clouds: { gcp: { gpuNodes: { min: 3 } } }',
      /gpuNodes.min: found 3; allowed: at most gpuNodes.max/,
    ],
    ['a version out of support', "clouds: { aws: { kubernetesVersion: '1.20' } }", /"1.20"; allowed: '1.34'/],
    ['a prefix too long', 'clouds: { aws: { network: { cidr: 10.0.0.0/24 } } }', /a range from \/16 to \/20/],
    ['bits behind the prefix', 'clouds: { aws: { network: { cidr: 10.0.0.1/16 } } }', /no bits set behind/],
    ['an octet over 255', 'clouds: { aws: { network: { cidr: 10.256.0.0/16 } } }', /an IPv4 range such as/],
    [
      'a range that AKS keeps',
      'clouds: { azure: { network: { services: 172.30.0.0/16 } } }',
      /AKS keeps for itself/,
    ],
    [
      'pods that do not fit',
      'clouds: { gcp: { network: { pods: 10.32.0.0/21 } } }',
      /room for the pods of 8 nodes; allowed: a larger range: nodes.max and gpuNodes.max are 10 together/,
    ],
    [
      'GPU nodes count for pods',
      'clouds: { gcp: { network: { pods: 10.32.0.0/20 }, gpuNodes: { max: 7 } } }',
      /room for the pods of 16 nodes.* are 17 together/,
    ],
    [
      'ranges of one cloud that overlap',
      'clouds: { aws: { network: { services: 10.0.0.0/20 } } }',
      /shares no address with clouds.aws.network.cidr/,
    ],
    [
      'ranges of two clouds that overlap',
      'clouds: { aws: , gcp: { network: { pods: 100.64.0.0/16 } } }',
      /shares no address with clouds.aws.network.pods/,
    ],
    [
      'a zone without a domain',
      'clouds: { aws: }\ndns: { zone: example.com }',
      /dns: found a zone without a domain; allowed: `domain:` beside it/,
    ],
    [
      'a zone of a cloud that is not configured',
      'clouds: { aws: }\ndomain: ml.example.com\ndns: { cloud: gcp, zone: example.com }',
      /dns.cloud: found "gcp"; allowed: a configured cloud \(aws\), or add clouds.gcp/,
    ],
    [
      'a domain outside of the zone',
      'clouds: { aws: }\ndomain: ml.example.org\ndns: { zone: example.com }',
      /domain: found "ml.example.org"; allowed: a name in the zone, such as ml.example.com/,
    ],
    [
      'the zone’s own name',
      'clouds: { aws: }\ndomain: example.com\ndns: { zone: example.com }',
      /domain: found "example.com"; allowed: a name below the zone, such as ml.example.com/,
    ],
    ['azure-sql without Azure', 'clouds: { aws: }\ndatabase: azure-sql', /"azure-sql" without clouds.azure/],
    [
      'a placeholder in angle brackets',
      'clouds: { aws: }\nowner: <your team>',
      /owner: found "<your team>", a placeholder/,
    ],
    ['the guide’s placeholder', 'clouds: { aws: }\nowner: CHANGE_ME_SECURE', /a placeholder/],
    [
      'a currency in words',
      'clouds: { aws: }\nbudget: { amount: 5, currency: dollars }',
      /found "dollars"; allowed: a currency such as USD/,
    ],
    [
      'somebody to tell who has no address',
      'clouds: { aws: }\nbudget: { amount: 5, notify: [ops] }',
      /budget.notify\[0\]: found "ops"; allowed: an e-mail address|notify.*an e-mail address/,
    ],
    [
      'nobody to tell',
      'clouds: { aws: }\nbudget: { amount: 5, notify: [] }',
      /notify.*at least one e-mail address/,
    ],
    ['a free budget', 'clouds: { aws: }\nbudget: { amount: 0 }', /a number above 0/],
    ['a domain with a scheme', 'clouds: { aws: }\ndomain: https://x.example.com', /a domain name such as/],
    [
      'an unknown environment',
      'clouds: { aws: }\nenvironment: qa',
      /environment: found "qa"; allowed: dev or staging or prod/,
    ],
    [
      'an overlay for an unknown environment',
      'clouds: { aws: }\nenvironments: { production: {} }',
      /production.*; did you mean prod\?/,
    ],
    ['a very long value', `clouds: { aws: }\nowner: ${'y'.repeat(80)}`, /y…; allowed/],
    ['a key written as a number', 'clouds: { aws: }\n5: five', /5: found an unknown key/],
  ])('%s', (_name, text, expected) => {
    const lines = mistakesOf(`${head}${text}\n`)
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^mlp\.yaml:\d+:\d+ {2}/)
    expect(lines[0]).toMatch(expected)
  })

  test.each([
    ['aws', 'cidr', 16, 20],
    ['aws', 'pods', 16, 20],
    ['aws', 'services', 12, 24],
    ['gcp', 'cidr', 8, 20],
    ['gcp', 'pods', 9, 21],
    ['gcp', 'services', 16, 27],
    ['azure', 'cidr', 8, 20],
    ['azure', 'pods', 8, 21],
    ['azure', 'services', 12, 24],
  ])(
    '%s takes for %s what is no wider than /%d and no narrower than /%d',
    (cloud, use, widest, narrowest) => {
      const said = (prefix: number) => {
        const text = `${head}clouds: { ${cloud}: { network: { ${use}: 0.0.0.0/${prefix} } } }\n`
        return mistakesOf(text).some(line => line.endsWith(`a range from /${widest} to /${narrowest}`))
      }
      expect([widest - 1, widest, narrowest, narrowest + 1].map(said)).toEqual([true, false, false, true])
    },
  )

  test('a value that is used by an alias is placed where it is written', () => {
    const text = `${head}clouds:\n  aws: { nodes: &few { min: 9, max: 2 } }\n  gcp: { nodes: *few }\n`
    expect(mistakesOf(text)).toEqual([
      expect.stringMatching(/^mlp.yaml:4:29 {2}clouds.aws.nodes.min/),
      expect.stringMatching(/^mlp.yaml:4:29 {2}clouds.gcp.nodes.min/),
    ])
  })

  test('a placeholder in a list is one mistake, the list another', () => {
    expect(mistakesOf(`${head}clouds: { aws: }\nowner: [TODO]\n`)).toEqual([
      expect.stringMatching(/:4:8 {2}owner: found a list/),
      expect.stringMatching(/:4:9 {2}owner.0: found "TODO", a placeholder/),
    ])
  })

  test('a list or a text for the whole file', () => {
    for (const text of ['- a\n', 'just words\n']) {
      expect(mistakesOf(text)).toEqual([
        expect.stringMatching(/^mlp.yaml:1:1 {2}the file: found .*; allowed: a mapping/),
      ])
    }
  })

  test('only the chosen environment’s sums are wrong, but every overlay’s values are looked at', () => {
    const text = `${head}clouds: { aws: }\nenvironments: { prod: { clouds: { aws: { nodes: { max: 2 } } } } }\n`
    expect(parse(text).environment).toBe('dev')
    expect(mistakesOf(text, { environment: 'prod' })).toEqual([
      expect.stringMatching(/nodes.min: found 3 \(the default\)/),
    ])
  })
})

describe('the file itself', () => {
  test.each([
    ['', 'MLP1002'],
    ['# only a comment\n', 'MLP1002'],
    ['null\n', 'MLP1002'],
    ['a: [1, 2\n', 'MLP1003'],
    ['a: 1\na: 2\n', 'MLP1003'],
    ['a: *nothing\n', 'MLP1003'],
    ['a: !mine 1\n', 'MLP1003'],
    ['a: 1\n---\nb: 2\n', 'MLP1003'],
    ['apiVersion: mlp.dev/v2\nproject: x\n', 'MLP1005'],
    ['apiVersion: mlp.dev/v10\n', 'MLP1005'],
    ['apiVersion: mlp.dev/v0\n', 'MLP1004'],
    ['apiVersion: other.dev/v2\n', 'MLP1004'],
    ['project: x\n', 'MLP1004'],
  ])('%j is %s', (text, code) => {
    const error = errorOf(() => parse(text))
    expect(error).toMatchObject({ code, exitCode: 2 })
    expect(error.remedy.length).toBeGreaterThan(0)
  })

  test('YAML mistakes have places too, all of them', () => {
    const error = errorOf(() => parse('a: 1\na: 2\nb: {x: 1, x: 2}\n'))
    expect(error.detail).toMatch(/^mlp.yaml:2:1 {2}.*\nmlp.yaml:3:11 {2}/)
  })

  test('aliases that multiply are refused', () => {
    const bomb = [
      'a: &a [x, x, x, x, x, x, x, x, x, x]',
      ...'bcdefg'.split('').map((name, index) => {
        const before = 'abcdefg'[index]
        return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`
      }),
    ].join('\n')
    expect(errorOf(() => parse(bomb)).code).toBe('MLP1003')
  })

  describe('on the disk', () => {
    let folder = ''
    const before = process.cwd()
    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'mlp-config-'))
      process.chdir(folder)
    })
    afterEach(async () => {
      process.chdir(before)
      await rm(folder, { recursive: true })
    })

    test('none is the sandbox', async () => {
      expect(await loadConfig({ file: undefined, environment: 'staging', target: undefined })).toEqual(
        defaultSandboxConfig('staging'),
      )
    })

    test('none is a mistake for the cloud target, and when it was named', async () => {
      for (const options of [
        { file: undefined, environment: undefined, target: 'cloud' as const },
        { file: join(folder, 'other.yaml'), environment: undefined, target: undefined },
        { file: folder, environment: undefined, target: undefined },
      ]) {
        await expect(loadConfig(options)).rejects.toMatchObject({ code: 'MLP1001', exitCode: 2 })
      }
    })

    test('mlp.yaml in the working folder is found without being named', async () => {
      await writeFile('mlp.yaml', `${head}clouds: { gcp: }\n`)
      const config = await loadConfig({ file: undefined, environment: undefined, target: undefined })
      expect(Object.keys(config.clouds)).toEqual(['gcp'])
    })

    test('a link that points nowhere is no missing one', async () => {
      await symlink(join(folder, 'gone.yaml'), 'mlp.yaml')
      await expect(
        loadConfig({ file: undefined, environment: undefined, target: undefined }),
      ).rejects.toMatchObject({ code: 'MLP1001' })
    })

    test.skipIf(process.getuid?.() === 0)('an unreadable one is no missing one', async () => {
      await writeFile('mlp.yaml', head)
      await chmod('mlp.yaml', 0)
      await expect(
        loadConfig({ file: undefined, environment: undefined, target: undefined }),
      ).rejects.toMatchObject({
        code: 'MLP1001',
      })
    })
  })
})

describe('for every input', () => {
  test('the defaults are valid', () => {
    for (const environment of ['dev', 'staging', 'prod'] as const) {
      expect(configSchema.parse(defaultSandboxConfig(environment))).toEqual(defaultSandboxConfig(environment))
    }
  })

  const configs = fc
    .record({
      environment: fc.constantFrom('dev', 'staging', 'prod' as const),
      target: fc.constantFrom('sandbox', 'cloud' as const),
      project: fc.stringMatching(/^[a-z][a-z0-9]{2,10}(-[a-z0-9]{1,5}){0,2}$/),
      owner: fc
        .stringMatching(/^[ -~]{1,63}$/)
        .filter(
          text => !/^<.+>$|change[-_ ]?me|^your[-_ ]|^(todo|tbd|fixme|xxx+)$|^placeholder$/i.test(text),
        ),
      engine: fc.constantFrom('postgresql', 'azure-sql' as const),
      amount: fc.option(fc.integer({ min: 1, max: 1_000_000 }), { nil: undefined }),
      domain: fc.option(fc.constantFrom('ml.example.com', 'a.b-c.org'), { nil: undefined }),
      min: fc.integer({ min: 1, max: 5 }),
      more: fc.integer({ min: 0, max: 10 }),
      spot: fc.boolean(),
      gpu: fc.boolean(),
      accountId: fc.stringMatching(/^\d{12}$/),
    })
    .map(({ min, more, spot, gpu, engine, amount, domain, accountId, ...rest }): Config => {
      const base = defaultSandboxConfig(rest.environment)
      const nodes = { min, max: min + more, type: 'm6i.large', spot }
      const aws = { ...cloudDefaults(rest.environment).aws, accountId, nodes }
      return {
        ...base,
        ...rest,
        database: { engine },
        clouds: { ...base.clouds, aws: gpu ? { ...aws, gpuNodes: gpuNodeDefaults('aws') } : aws },
        ...(amount === undefined ? {} : { budget: { amount, currency: 'EUR' } }),
        ...(domain === undefined ? {} : { domain }),
      }
    })

  test('what was printed is read back the same', () => {
    fc.assert(
      fc.property(configs, config => {
        expect(parse(printConfig(config))).toEqual(config)
      }),
    )
  })

  test('what is printed explains itself: the schema’s words above each setting, two levels deep', () => {
    const budget = { amount: 500, currency: 'EUR' }
    const lines = printConfig({ ...defaultSandboxConfig(), budget }).split('\n')
    const above = (line: string) => lines[lines.indexOf(line) - 1]
    expect(above('project: ml-platform')).toBe('# Part of the name of everything that mlp makes.')
    expect(above('  amount: 500')).toMatch(/^ {2}# What the platform may cost in a month/)
    expect(above('    region: us-east-1')).toBe("    accountId: '111122223333'")
  })

  const scalars = fc.oneof(fc.string(), fc.double(), fc.boolean(), fc.constant(null), fc.integer())
  const keys = fc.oneof(
    fc.constantFrom(
      'apiVersion',
      'project',
      'clouds',
      'aws',
      'nodes',
      'min',
      'environments',
      'dev',
      'database',
      'network',
      'budget',
    ),
    fc.string({ maxLength: 4 }),
  )
  const { anything } = fc.letrec(tie => ({
    anything: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      scalars,
      fc.array(tie('anything'), { maxLength: 3 }),
      fc.dictionary(keys, tie('anything'), { maxKeys: 5 }),
    ),
  }))

  test('nothing but an MlpError is ever thrown, and nothing invalid is ever returned', () => {
    const texts = fc.oneof(
      fc.string(),
      anything.map(value => JSON.stringify(value) ?? ''),
      anything.map(value => `${head}clouds: ${JSON.stringify(value) ?? ''}\n`),
    )
    fc.assert(
      fc.property(texts, fc.constantFrom('dev', 'prod' as const), (text, environment) => {
        try {
          configSchema.parse(parse(text, { environment }))
        } catch (error) {
          expect(error).toBeInstanceOf(MlpError)
          if (error instanceof MlpError) expect(error.code).toMatch(/^MLP100[2345]$/)
        }
      }),
      { numRuns: 500 },
    )
  })
})
