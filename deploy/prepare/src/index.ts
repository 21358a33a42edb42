// Makes what the stages find when they start, and the first way in.
export { createLoginLink } from './login-link.ts';
export { prepareEvents, prepareStores, tenantId, type KeepJoinToken } from './prepare-stores.ts';
