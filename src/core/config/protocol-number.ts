/** The protocol that we speak. */
export const PROTOCOL = 10

/** The oldest protocol that we understand; the registry may demand more. */
export const OLDEST_PROTOCOL = 1
