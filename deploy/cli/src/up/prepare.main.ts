// Prepares the stores for stages that run as processes of their own.
import { prepareStores } from './prepare-stores.ts';

await prepareStores();
