// What the trail is compared with.
import { z } from 'zod';

const message = 'a kept seal is its number, a colon and 64 digits, as ./norn audit verify prints it';

export const verificationQuery = z.object({
  /** A seal of before that was kept elsewhere. */
  kept: z
    .string()
    .regex(/^[1-9]\d{0,14}:[0-9a-f]{64}$/, message)
    .transform((text) => {
      const [number = '', hash = ''] = text.split(':');
      return { number: Number(number), hash };
    })
    .optional(),
});
export type VerificationQuery = z.output<typeof verificationQuery>;
