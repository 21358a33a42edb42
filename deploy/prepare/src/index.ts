// Makes what the stages find when they start.
export { prepareEvents, prepareStores, tenantId, type KeepJoinToken } from './prepare-stores.ts';
