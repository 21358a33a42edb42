// What a policy may be asked.
import { z } from 'zod';
import { limits } from '../http/bounds.ts';

/** A policy as YAML. */
export const policyBody = z.strictObject({ body: z.string().min(1).max(limits.policyCharactersMax) });
export type PolicyBody = z.output<typeof policyBody>;
const policyNumberMax = 1_000_000_000;
export const policyNumber = z.coerce.number().int().min(1).max(policyNumberMax);
export const policyRollback = z.strictObject({ number: z.number().int().min(1).max(policyNumberMax) });
export type PolicyRollbackBody = z.output<typeof policyRollback>;
