// The only place that reads the environment.
export { loadConfig, type Environment } from './load.ts';
export { environmentName, settings, type SettingName } from './settings.ts';
