// What tests of the console need of the API's: the API on real databases, and attacks to show.
export { type ApiTrial, startApiTrial } from './api-trial.ts';
export * from './seeds/index.ts';
