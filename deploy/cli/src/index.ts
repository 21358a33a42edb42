// What the commands and the tests in test/ stand on.
export { fileSentence } from './api/alerts/alerts.ts';
export { waitForAgent } from './api/client/agent.ts';
export { connectApi, type ApiClient } from './api/client/client.ts';
export { handToImages, makeServiceSecrets } from './compose/secrets.ts';
export { buildBaldur, buildStatic } from './machine/baldur.ts';
export { provideBase } from './images/base.ts';
export { provideImage } from './images/build.ts';
export { bytes, columns, write, writeJson } from './print/columns.ts';
export { provideParts, provideSystem } from './machine/provide-system.ts';
export { kubernetesIsBuilt, provideKubernetes, type Kubernetes } from './test/kubernetes.ts';
export { registerFile, repository } from './installation/installation.ts';
export { AuthorityRotation } from './secrets/authority.ts';
export { CommandKeyRotation } from './secrets/command-key.ts';
export { rotate, rotateIngest, type Running } from './secrets/rotate.ts';
export { runTests } from './test/run.ts';
export type { TestRun } from './test/plan.ts';
export type { Tally } from './test/tally.ts';
export { installPackages, isThere } from './machine/packages.ts';
