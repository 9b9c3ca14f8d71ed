import type { Entries } from './entry.ts'

export const toolErrors = {
  MLP2000: {
    title: 'Node is too old',
    meaning:
      'mlp needs Node 22.19. It brings its own where `npm ci` was run, and that one is missing or does not start.',
    owner: 'operator',
    retryable: false,
    remedy: 'Run `npm ci` in the folder of mlp, or install Node 24.',
    exitCode: 2,
  },
  MLP2001: {
    title: 'A program could not be started',
    meaning:
      'The program, the folder it is to run in, or the right to run it is missing. It changed nothing.',
    owner: 'operator',
    retryable: false,
    remedy: 'Run `mlp doctor`: it says which tools are there, and how to get the others.',
    exitCode: 3,
  },
  MLP2002: {
    title: 'A program failed',
    meaning: 'It ran, and ended with an exit code that is no success. Its last lines are in the error.',
    owner: 'operator',
    retryable: true,
    remedy:
      'Read what it said; the command is quoted so that it can be run by hand. Then run the same command again.',
    exitCode: 3,
  },
  MLP2003: {
    title: 'A program took too long',
    meaning: 'It was asked to stop at its deadline, and has ended.',
    owner: 'operator',
    retryable: true,
    remedy:
      'Run the same command again; if it repeats, run the quoted command by hand and see where it waits.',
    exitCode: 3,
  },
  MLP2004: {
    title: 'A program was killed',
    meaning:
      'A signal that mlp did not send ended it, so that it could not tidy up. Its last lines are in the error.',
    owner: 'operator',
    retryable: true,
    remedy: 'Look for a lack of memory (`dmesg`), then run the same command again.',
    exitCode: 3,
  },
  MLP2010: {
    title: 'A tool is missing, and cannot be got here',
    meaning:
      'No fitting version is on PATH, and for this machine there is neither a checked release nor a source build.',
    owner: 'operator',
    retryable: false,
    remedy: 'Install the version that is named, and put it on PATH.',
    exitCode: 3,
  },
  MLP2011: {
    title: 'Go is needed to build a tool',
    meaning:
      'The tool’s release could not be fetched, so that it has to be built; go is missing or too old for it.',
    owner: 'operator',
    retryable: false,
    remedy: 'Install Go (https://go.dev/doc/install), or the tool itself; `mlp doctor` says which versions.',
    exitCode: 3,
  },
  MLP2012: {
    title: 'A download failed',
    meaning:
      'The server could not be reached, answered with an error, or broke off. What was fetched so far was removed.',
    owner: 'operator',
    retryable: true,
    remedy:
      'See whether this machine reaches the address, also through its proxy; then run the same command again.',
    exitCode: 3,
  },
  MLP2013: {
    title: 'A download is not the file that mlp pins',
    meaning:
      'Its sha256 differs, so it was removed unused: damaged on the way, or not what its makers released.',
    owner: 'operator',
    retryable: true,
    remedy: 'Run the same command again; if it repeats, do not use the file, and tell the authors of mlp.',
    exitCode: 3,
  },
  MLP2014: {
    title: 'A tool could not be built',
    meaning:
      'Go ended with an error: most often its module proxy cannot be reached, or room or memory ran out.',
    owner: 'operator',
    retryable: true,
    remedy: 'Read what go said, then run the same command again: what is compiled is kept.',
    exitCode: 3,
  },
  MLP2015: {
    title: 'The tools’ cache cannot be written',
    meaning: 'The disk is full, or the folder belongs to somebody else. No half tool was left there.',
    owner: 'operator',
    retryable: false,
    remedy: 'Free some space, or keep the tools elsewhere: export MLP_TOOLS_CACHE=/path/with/room',
    exitCode: 3,
  },
  MLP2101: {
    title: 'terraform failed',
    meaning:
      'terraform’s own diagnostics are in the error. What it had made is in its state, and the next run goes on.',
    owner: 'operator',
    retryable: true,
    remedy: 'Do what the diagnostics ask for, then run the same command again.',
    exitCode: 3,
  },
  MLP2102: {
    title: 'The terraform state is locked',
    meaning:
      'A terraform that mlp cannot prove dead holds the lock: another machine’s, or one started by hand.',
    owner: 'operator',
    retryable: true,
    remedy:
      'Wait until that run has ended; only if it is certainly dead, free the lock with the command in the error.',
    exitCode: 6,
  },
  MLP2103: {
    title: 'terraform’s outputs are incomplete',
    meaning: 'The root was applied, but an output that later steps read is missing or empty.',
    owner: 'operator',
    retryable: false,
    remedy: 'Check files in overrides/ that change outputs, then run the same command again.',
    exitCode: 3,
  },
  MLP2104: {
    title: 'What an interrupted run began is not finished',
    meaning: 'The cloud still makes or removes it, longer than mlp waits. Nothing was replaced.',
    owner: 'operator',
    retryable: true,
    remedy: 'Look in the cloud’s console at what holds it up, then run the same command again.',
    exitCode: 3,
  },
  MLP2201: {
    title: 'An image could not be built',
    meaning: 'Its production dependencies could not be installed. Nothing was pushed.',
    owner: 'operator',
    retryable: true,
    remedy:
      'See whether this machine reaches its npm registry (`npm ping`), then run the same command again.',
    exitCode: 3,
  },
  MLP2202: {
    title: 'A registry refused',
    meaning: 'A registry did not take or show an image. What was sent is kept there, and is not sent again.',
    owner: 'operator',
    retryable: true,
    remedy: 'See in `mlp doctor` whether this identity may push, then run the same command again.',
    exitCode: 3,
  },
  MLP2203: {
    title: 'An image has no base',
    meaning:
      'The base’s registry cannot be reached, and none can be made of this machine’s Node and C libraries: that takes Linux with glibc.',
    owner: 'operator',
    retryable: true,
    remedy: 'Run mlp where the base’s registry can be reached (ARG BASE in services/*/Dockerfile).',
    exitCode: 3,
  },
  MLP2204: {
    title: 'Docker did not build an image',
    meaning:
      '`MLP_IMAGE_BUILDER=docker` asks for Docker, and its engine or its builder failed. Without the variable mlp does without an engine that cannot build.',
    owner: 'operator',
    retryable: true,
    remedy: 'Put right what it says, or build without an engine: MLP_IMAGE_BUILDER=daemonless.',
    exitCode: 3,
  },
  MLP2205: {
    title: 'MLP_IMAGE_BUILDER names no way to build images',
    meaning:
      'It takes `docker` and `daemonless`. Unset, Docker is used where it can build, and else is done without.',
    owner: 'operator',
    retryable: false,
    remedy: 'Set it to one of the two, or unset it.',
    exitCode: 2,
  },
  MLP2210: {
    title: 'istioctl failed',
    meaning: 'What it had installed stays, and is completed by the next run.',
    owner: 'operator',
    retryable: true,
    remedy: 'Put right what its last lines name, then run the same command again.',
    exitCode: 3,
  },
  MLP2211: {
    title: 'istioctl’s answer is of another form',
    meaning: 'An istioctl of another version than the pinned one may print something else.',
    owner: 'operator',
    retryable: false,
    remedy: 'See in `mlp doctor` which istioctl is used, and take another version off PATH.',
    exitCode: 3,
  },
  MLP2220: {
    title: 'k6’s summary is of another form',
    meaning:
      'k6 ran, but what it says of its run is in no form that mlp knows. Forms of 1.x and 2.x are known.',
    owner: 'operator',
    retryable: false,
    remedy: 'See in `mlp doctor` which k6 is used, and take another version off PATH.',
    exitCode: 3,
  },
  MLP2301: {
    title: 'helm failed',
    meaning:
      'A release could not be installed, changed or removed. What helm did before stays, and the next run goes on from there.',
    owner: 'operator',
    retryable: true,
    remedy: 'Read what helm said, put right what it names, and run the same command again.',
    exitCode: 3,
  },
  MLP2302: {
    title: 'helm’s answer was not understood',
    meaning: 'helm did what it was asked to, and told of it in a form that mlp does not know.',
    owner: 'mlp-authors',
    retryable: true,
    remedy: 'See whether `mlp doctor` takes a helm of another version from PATH.',
    exitCode: 3,
  },
  MLP2303: {
    title: 'A chart cannot be had',
    meaning:
      'Neither its repository nor the mirror that mlp.yaml names gave it, or the path that was named holds no chart. Nothing was changed in the cluster.',
    owner: 'operator',
    retryable: true,
    remedy:
      'Run mlp where the repository is reached, or name a mirror or a path: `monitoring.chart` in mlp.yaml, or MLP_CHART_SOURCE.',
    exitCode: 3,
  },
  MLP2304: {
    title: 'A values file of the platform cannot be read',
    meaning: 'overrides/ holds a values file for a chart that is no YAML mapping. Nothing was changed.',
    owner: 'operator',
    retryable: false,
    remedy: 'Correct the file, or remove it.',
    exitCode: 3,
  },
} satisfies Entries<2>
