// What everything stands on; depends on nothing.
export { NornError, messageOf } from './error.ts';
export { fromHex, toHex } from './hex.ts';
