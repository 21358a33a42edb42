// The only place that reads the environment.
export { otlpEndpoint, processEnvironment } from './environment.ts';
export {
  installationKeysFile,
  noKeyWasChanged,
  readInstallationKeys,
  type InstallationKeys,
} from './installation-keys.ts';
export { loadConfig, type Environment } from './load.ts';
export { pemBlocks } from './pem.ts';
export { readSecret } from './secret.ts';
export {
  makeSignerKeys,
  readSignerKey,
  readSigners,
  signerKeyFile,
  signers,
  signersFile,
  type Signer,
  type SignerKey,
} from './signer-keys.ts';
export { SignerRing } from './signer-ring.ts';
export { WatchedSecrets } from './watched-secrets.ts';
export { makeSecretsFolder, writeSecret, writeSecrets, type WrittenSecret } from './write-secret.ts';
export { clickhouseSettings, environmentName, kafkaSettings, settings, type SettingName } from './settings.ts';
