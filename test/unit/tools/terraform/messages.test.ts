import { describe, expect, it } from 'vitest'
import { parseMessage, plainErrors, spokenLine } from '../../../../src/tools/terraform/messages.ts'

describe('plainErrors', () => {
  it('reads each error that a command without JSON printed, as terraform 1.11.4 lays them out', () => {
    const printed = [
      'Initializing the backend...',
      '',
      'Error: Failed to get existing workspaces: querying Cloud Storage failed: dial tcp 127.0.0.1:9: refused',
      '',
      '',
      'Error: Invalid target address',
      '',
      '  on line 1:',
      '  (source code not available)',
      '',
      'A resource name is required.',
    ]
    expect(plainErrors(printed)).toEqual([
      {
        severity: 'error',
        summary:
          'Failed to get existing workspaces: querying Cloud Storage failed: dial tcp 127.0.0.1:9: refused',
        detail: '',
      },
      {
        severity: 'error',
        summary: 'Invalid target address',
        detail: 'on line 1:\n  (source code not available)\n\nA resource name is required.',
      },
    ])
  })

  it('finds none in what is no error', () => {
    expect(plainErrors(['Success! No Error: here'])).toEqual([])
  })
})

describe('parseMessage', () => {
  it.each([
    ['text', 'Terraform will perform the following actions'],
    ['JSON that is cut short', '{"type":"diag'],
    ['a message of a kind that says nothing here', '{"type":"version","terraform":"1.11.4"}'],
  ])('gives nothing for %s', (_name, line) => {
    expect(parseMessage(line)).toBeUndefined()
  })
})

describe('spokenLine', () => {
  it.each([
    ['a message', '{"@level":"info","@message":"aws_vpc.main: Creating..."}', 'aws_vpc.main: Creating...'],
    [
      'one of several lines',
      '{"@message":"\\nInterrupt received.\\nPlease wait\\n"}',
      'Interrupt received. Please wait',
    ],
    ['plain text', 'Initializing the backend...', 'Initializing the backend...'],
    ['JSON without a text', '{"format_version":"1.2"}', '{"format_version":"1.2"}'],
  ])('of %s is what a person reads', (_name, line, text) => {
    expect(spokenLine(line)).toBe(text)
  })
})
