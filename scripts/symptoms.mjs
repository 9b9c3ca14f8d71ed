/**
 * What a person sees, before they know a code, in the order in which a platform is built. The codes' own words are in
 * the catalogue only; a code stands where somebody who meets it would look first, once.
 * @type {readonly { readonly when: string, readonly symptoms: readonly Symptom[] }[]}
 * @typedef {{ readonly see: string, readonly first: string, readonly look?: readonly string[], readonly codes: readonly string[] }} Symptom
 */
export const occasions = [
  {
    when: 'Before anything runs',
    symptoms: [
      {
        see: 'mlp refuses mlp.yaml or the command line',
        first: 'Nothing was done. Every mistake is listed at once, with its place.',
        look: ['mlp plan'],
        codes:
          'MLP1001 MLP1002 MLP1003 MLP1004 MLP1005 MLP1006 MLP1007 MLP1008 MLP1010 MLP1011 MLP1012 MLP1015 MLP2205'.split(
            ' ',
          ),
      },
      {
        see: 'mlp asks where nobody can answer, or its question was answered with no',
        first: 'Exit 5, and nothing was changed: the message names the flag that answers.',
        look: ['mlp plan', 'mlp help exit-codes'],
        codes: 'MLP5001 MLP5002 MLP5003 MLP5230'.split(' '),
      },
      {
        see: 'A tool is missing, is not downloaded, or cannot be built',
        first:
          'Tools are kept for all platforms in ~/.cache/mlp, or where MLP_TOOLS_CACHE says; what was built stays.',
        look: ['mlp doctor'],
        codes: 'MLP2000 MLP2010 MLP2011 MLP2012 MLP2013 MLP2014 MLP2015'.split(' '),
      },
      {
        see: 'A tool fails, hangs or is killed, and the message shows its command',
        first: 'The command is quoted for a shell: run it by hand in the folder that the log names.',
        look: ['mlp report'],
        codes: 'MLP2001 MLP2002 MLP2003 MLP2004'.split(' '),
      },
      {
        see: 'The sandbox does not start, answer or stop',
        first:
          'What it is made of and what each part says: `mlp sandbox status`. Its data is deleted by `mlp sandbox reset` only.',
        look: ['mlp sandbox status', 'mlp sandbox stop'],
        codes: 'MLP5200 MLP5201 MLP5202 MLP5203 MLP5206 MLP5207 MLP5208'.split(' '),
      },
    ],
  },
  {
    when: 'Any run',
    symptoms: [
      {
        see: 'The run says that it is locked, or lost its lock',
        first: 'Exit 6. The message names who holds it, on which machine, since when.',
        look: ['mlp status', 'mlp unlock ID'],
        codes: 'MLP5220 MLP5221 MLP5222 MLP5223 MLP5224 MLP5227 MLP5231 MLP5232'.split(' '),
      },
      {
        see: 'The run was interrupted, or killed',
        first: 'The same command goes on from there: the world is asked, not the record.',
        look: ['mlp status', 'mlp bootstrap'],
        codes: 'MLP5130 MLP5143'.split(' '),
      },
      {
        see: 'State, record, log or report cannot be read or written',
        first:
          'Deleting the state loses history, never correctness. First look whether the disk is full (`df -h .`).',
        look: ['mlp status'],
        codes:
          'MLP5210 MLP5211 MLP5212 MLP5213 MLP5214 MLP5215 MLP5225 MLP5226 MLP5228 MLP5229 MLP5233 MLP5234 MLP1013 MLP1014'.split(
            ' ',
          ),
      },
      {
        see: 'A step ends, and the world is not as it says',
        first: 'Something else changes what mlp set, or could not be asked.',
        look: ['mlp verify --wait 5m --output short'],
        codes: 'MLP5240 MLP5241 MLP5242 MLP4014'.split(' '),
      },
      {
        see: 'mlp itself breaks',
        first:
          'A report is written to the folder for temporary files; the platform is as its last step left it.',
        look: ['mlp status'],
        codes: ['MLP9000'],
      },
    ],
  },
  {
    when: 'Phase 1, infrastructure',
    symptoms: [
      {
        see: 'A cloud does not know or admit you, or cannot be reached',
        first:
          'Who each cloud takes you for, and until when: `mlp login`. What mlp needs to be allowed: `mlp doctor --print-policy CLOUD`.',
        look: ['mlp login', 'mlp doctor', 'mlp doctor --print-policy aws'],
        codes: 'MLP3001 MLP3002 MLP3003 MLP3009 MLP3011 MLP3013'.split(' '),
      },
      {
        see: 'A cloud has no room, or refuses, throttles or gives up',
        first: 'Quotas and machine types are asked before anything is made; a run goes on where it stopped.',
        look: ['mlp plan', 'mlp bootstrap'],
        codes: 'MLP3004 MLP3005 MLP3006 MLP3007 MLP3008 MLP3010 MLP3012'.split(' '),
      },
      {
        see: 'terraform fails, or its state is locked',
        first: 'Its diagnostics are in the message, all of its output in the log of the run.',
        look: ['mlp report', 'mlp phase 1'],
        codes: 'MLP2101 MLP2102 MLP2103 MLP2104'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 2, Kubernetes',
    symptoms: [
      {
        see: 'A cluster does not answer, or does not admit you',
        first: 'Is it there (`mlp verify 1`), and does its endpoint admit this network?',
        look: ['mlp verify 1', 'mlp verify 2'],
        codes: 'MLP4001 MLP4002 MLP4003 MLP4004 MLP4005 MLP4007 MLP4012'.split(' '),
      },
      {
        see: 'A cluster refuses what mlp sets, or takes too long',
        first: 'Who owns a field: `kubectl get KIND NAME --show-managed-fields -o yaml`.',
        look: ['mlp phase 2'],
        codes: 'MLP4006 MLP4009 MLP4010 MLP4011 MLP4013 MLP4015 MLP4016'.split(' '),
      },
      {
        see: 'kubectl does not find or accept the context',
        first:
          'mlp writes contexts `aws-ENV`, `gcp-ENV` and `azure-ENV`; their tokens come from `mlp token`.',
        look: ['mlp phase 2 --force', 'mlp token aws ml-platform-dev'],
        codes: 'MLP4020 MLP4021 MLP4022 MLP4023'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 3, applications',
    symptoms: [
      {
        see: 'An image is not built, pushed or pulled',
        first: 'Without a Docker engine images are laid without one: the same content, other tools.',
        look: ['mlp doctor', 'mlp phase 3'],
        codes: 'MLP2201 MLP2202 MLP2203 MLP2204 MLP4030'.split(' '),
      },
      {
        see: 'Pods do not come up, or end',
        first:
          'The last lines of the container are in the message. Back to what ran before: `mlp phase 3 --rollback`.',
        look: ['mlp verify 3', 'mlp phase 3 --rollback'],
        codes: 'MLP4031 MLP4032 MLP4033 MLP4034 MLP4040'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 4, service mesh and names',
    symptoms: [
      {
        see: 'Istio is not installed, or the clusters are not one mesh',
        first:
          'The clusters of a mesh share a root: what concerns it needs all of them in one run, without --cloud.',
        look: ['mlp verify 4', 'mlp phase 4'],
        codes: 'MLP2210 MLP2211 MLP4050 MLP4051 MLP4052 MLP4053 MLP4054 MLP4055'.split(' '),
      },
      {
        see: 'The platform’s names do not lead to it',
        first: 'See [dns.md](dns.md). Without a zone in mlp.yaml mlp prints the records for you to make.',
        look: ['mlp verify 4'],
        codes: 'MLP4080 MLP4081 MLP4082 MLP4083 MLP4084 MLP4085'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 5, monitoring',
    symptoms: [
      {
        see: 'Monitoring is not installed, does not come up or does not answer',
        first:
          'See [monitoring.md](monitoring.md). An alert that fires has a page of its own in [runbooks](runbooks/README.md).',
        look: ['mlp verify 5', 'mlp phase 5'],
        codes: 'MLP2301 MLP2302 MLP2303 MLP2304 MLP4060 MLP4061 MLP4062 MLP4063'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 6, CI/CD',
    symptoms: [
      {
        see: 'GitHub is not reached, or refuses',
        first: 'See [delivery.md](delivery.md), and `gh auth status`.',
        codes: 'MLP5301 MLP5303 MLP5304 MLP5305 MLP5306 MLP5308 MLP5309 MLP5313'.split(' '),
      },
      {
        see: 'The pipeline does not start, or fails',
        first: 'The log of the job that failed is named in the message: `gh run view --log-failed`.',
        codes: 'MLP5307 MLP5311 MLP5312'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 7, validation',
    symptoms: [
      {
        see: 'Tests of the platform fail, or load is not put on it',
        first: 'See [validation.md](validation.md). Each result is in tests.json of the run’s folder.',
        look: ['mlp report'],
        codes: 'MLP5260 MLP5261 MLP5262 MLP2220'.split(' '),
      },
    ],
  },
  {
    when: 'Phase 8, readiness',
    symptoms: [
      {
        see: 'Pods are refused, or the checklist stays open',
        first: 'See [readiness.md](readiness.md).',
        look: ['mlp verify 8', 'mlp verify --go-live'],
        codes: 'MLP4070 MLP4071 MLP1091'.split(' '),
      },
    ],
  },
  {
    when: 'Teardown',
    symptoms: [
      {
        see: 'Something is left, or still costs money',
        first:
          'Each leftover is listed with its cloud, type, id, and what one costs an hour where the cloud’s list says so; [teardown.md](teardown.md) says what is asked. Data is kept unless --destroy-data is given.',
        look: ['mlp teardown'],
        codes: ['MLP5243'],
      },
    ],
  },
]
