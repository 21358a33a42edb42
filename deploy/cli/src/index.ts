export { createAuthority, type Authority, type Issued } from './up/certificates.ts';
export { handToImages, makeServiceSecrets } from './compose/secrets.ts';
export { provideImage } from './images/build.ts';
