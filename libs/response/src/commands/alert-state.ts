// Where an alert stands, as all of Norn names it.

/** `stopped`: the attack was stopped and undone, but for files that wait for somebody (in conflict) or are lost. */
export type AlertState = 'open' | 'responding' | 'remediated' | 'stopped' | 'failed' | 'released' | 'archived';
