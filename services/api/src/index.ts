// REST and server-sent events for people and machines, and the console's files.
export { api } from './api.service.ts';
