import type { Entries } from './entry.ts'

export const configurationErrors = {
  MLP1001: {
    title: 'The configuration file cannot be read',
    meaning: 'The file that --config names, or mlp.yaml here, is missing or not readable. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy: 'Name the file with --config FILE, or write one with `mlp init`.',
    exitCode: 2,
  },
  MLP1002: {
    title: 'The configuration file is empty',
    meaning: 'mlp.yaml is there but holds nothing. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy:
      'Remove the file to get the sandbox’s defaults, or run `mlp init` in another folder for a new one.',
    exitCode: 2,
  },
  MLP1003: {
    title: 'The configuration file is not valid YAML',
    meaning: 'Every mistake of syntax is listed with its line and column. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy: 'Correct the lines that are named; an editor that knows YAML shows them too.',
    exitCode: 2,
  },
  MLP1004: {
    title: 'The configuration has mistakes',
    meaning:
      'Every mistake is listed at once: file, line, column, field, what was found and what is allowed. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy:
      'Correct the fields that are named; schemas/mlp.schema.json helps an editor to show what is allowed.',
    exitCode: 2,
  },
  MLP1005: {
    title: 'The configuration was written for a newer mlp',
    meaning:
      'apiVersion names a format that this version does not know; guessing at it could build a wrong platform.',
    owner: 'operator',
    retryable: false,
    remedy: 'Update mlp to the version that mlp.lock names.',
    exitCode: 2,
  },
  MLP1006: {
    title: 'There is an mlp.yaml already',
    meaning: '`mlp init` overwrites nothing. The folder was left as it is.',
    owner: 'operator',
    retryable: false,
    remedy: 'Change the file by hand, or write another with `mlp init <folder>`.',
    exitCode: 2,
  },
  MLP1007: {
    title: 'The platform’s folder cannot be written',
    meaning: '`mlp init` could not make a folder or a file, for lack of permission or of space.',
    owner: 'operator',
    retryable: false,
    remedy: 'Choose a folder that you may write to: `mlp init <folder>`.',
    exitCode: 2,
  },
  MLP1008: {
    title: 'mlp.yaml would not be valid with these values',
    meaning:
      'A flag or an answer of `mlp init` gave a value that mlp itself would refuse. Nothing was written.',
    owner: 'operator',
    retryable: false,
    remedy: 'Correct the flag or the answer; `mlp init --help` lists all flags.',
    exitCode: 2,
  },
  MLP1010: {
    title: 'The cloud is not in the configuration',
    meaning:
      'A command was asked to work on a cloud that `clouds:` in mlp.yaml does not have. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy: 'Add the cloud under `clouds:`, leave it out with --cloud, or name another file with --config.',
    exitCode: 2,
  },
  MLP1011: {
    title: 'The phase is not there yet',
    meaning: 'mlp has eight phases; this version does not have all of them. Nothing was done.',
    owner: 'mlp-authors',
    retryable: false,
    remedy: 'docs/guide.md says what each line of the guide became, and what is coming.',
    exitCode: 2,
  },
  MLP1012: {
    title: 'There is no such step',
    meaning: '--step names a step that the chosen phases do not have. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy: 'docs/steps.md lists all steps.',
    exitCode: 2,
  },
  MLP1013: {
    title: 'The folder to render into holds other files',
    meaning:
      '`mlp render` writes into a new or empty folder, or one that it rendered before. Nothing was changed.',
    owner: 'operator',
    retryable: false,
    remedy: 'Name a folder that is not there yet: mlp render <folder>',
    exitCode: 2,
  },
  MLP1014: {
    title: 'The folder to render into cannot be written',
    meaning: 'The disk is full, or the folder belongs to somebody else. It may hold some of the files.',
    owner: 'operator',
    retryable: false,
    remedy: 'Choose a folder that you may write to, on a disk with room.',
    exitCode: 2,
  },
  MLP1015: {
    title: 'The working folder was removed',
    meaning: 'The shell stands in a folder that is not there any more. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy: 'Change into the folder of your platform: cd <folder>',
    exitCode: 2,
  },
  MLP1091: {
    title: 'This item of the checklist cannot be signed so',
    meaning: 'It is signed by its id, in phase 8, with a name. Nothing was done.',
    owner: 'operator',
    retryable: false,
    remedy: 'The message lists the items.',
    exitCode: 2,
  },
} satisfies Entries<1>
