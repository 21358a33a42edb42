// What rules may be asked: files to take in, and what becomes of one.
import { z } from 'zod';
import { limits } from '../http/bounds.ts';

/** Rules to be taken in: name and YAML of each file. */
export const ruleFiles = z.strictObject({
  files: z
    .array(z.strictObject({ name: z.string().min(1).max(300), text: z.string().max(limits.ruleCharactersMax) }))
    .min(1)
    .max(limits.ruleFilesMax),
});
export const ruleId = z
  .string()
  .regex(/^[\w.-]{1,100}$/, 'a rule id has at most 100 letters, digits, ".", "_" and "-"');
export const ruleState = z.strictObject({ state: z.enum(['observe', 'alert', 'off']) });
export type RuleState = z.output<typeof ruleState>;
export type RuleFiles = z.output<typeof ruleFiles>;
