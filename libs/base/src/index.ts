// What everything stands on; depends on nothing.
export { AwayError, isAway } from './away.ts';
export { backOffMs, type Wait } from './back-off.ts';
export { NornError, messageOf } from './error.ts';
export { fromHex, toHex } from './hex.ts';
export { SeededRandom } from './seeded-random.ts';
export { baseName, counted, shortId } from './words.ts';
