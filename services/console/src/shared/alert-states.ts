// States of an alert that several pages ask for.

/** Somebody is needed, or it is not over. */
export const openStates = 'open,responding,stopped,failed';
