// The stage that writes what happened to ClickHouse, exactly once in effect.
export { storage } from './storage.module.ts';
