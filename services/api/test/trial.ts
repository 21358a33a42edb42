// What tests of the console need of the API's: the API on real databases, and attacks to show.
export { type ApiTrial, startApiTrial } from './api-trial.ts';
export * from './seeds/index.ts';
export { AttackBuilder, type BuiltProcess } from './attack-builder.ts';
export { reflex } from './seeds/web-container.ts';
export { type Home, storeAlert, storeTelemetry } from './store-attack.ts';
