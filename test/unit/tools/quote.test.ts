import { execFileSync } from 'node:child_process'
import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { createMask } from '../../../src/tools/masking.ts'
import { quoteCommand } from '../../../src/tools/quote.ts'

// Every test starts processes, which takes its time on a busy machine.
vi.setConfig({ testTimeout: 60_000 })

const printable = fc.string({ unit: 'grapheme' }).filter(text => !text.includes('\0') && text.isWellFormed())

test('a quoted command reaches the program as it was meant, whatever it holds', () => {
  fc.assert(
    fc.property(fc.array(printable, { maxLength: 4 }), printable, (args, value) => {
      const quoted = quoteCommand(
        {
          file: process.execPath,
          args: [
            '-e',
            'console.log(JSON.stringify([process.argv.slice(1), process.env.VALUE]))',
            '--',
            ...args,
          ],
          env: { VALUE: value },
        },
        createMask([]),
      )
      const said: unknown = JSON.parse(execFileSync('/bin/sh', ['-c', quoted], { encoding: 'utf8' }))
      expect(said).toEqual([args, value])
    }),
    { numRuns: 15 },
  )
})

test('variables taken away are taken away in the shell, too', () => {
  const quoted = quoteCommand(
    { file: 'terraform', args: ['apply'], env: { TF_LOG: undefined, CHECKPOINT_DISABLE: '1' }, cwd: '/a b' },
    createMask([]),
  )
  expect(quoted).toBe("cd '/a b' && env -u TF_LOG CHECKPOINT_DISABLE=1 terraform apply")
})

test('a secret is masked wherever base64 puts it', () => {
  fc.assert(
    fc.property(
      fc.string({ minLength: 12, maxLength: 40 }),
      fc.uint8Array({ maxLength: 5 }),
      fc.uint8Array({ maxLength: 5 }),
      (secret, before, after) => {
        const whole = Buffer.concat([before, Buffer.from(secret), after])
        for (const encoding of ['base64', 'base64url', 'hex'] as const) {
          const masked = createMask([secret])(whole.toString(encoding))
          expect(masked).toContain('***')
        }
      },
    ),
  )
})
