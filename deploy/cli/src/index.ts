export { createAuthority, type Authority, type Issued } from './up/certificates.ts';
