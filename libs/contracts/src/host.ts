// What holds of a host wherever it is spoken of.

/** Of a maintenance, in which nobody misses a host: a week. */
export const maintenanceMinutesMax = 10_080;

/** Made by the installation. No machine may call itself so. */
export const hostIdShape = /^host-[0-9a-f]{16}$/;
