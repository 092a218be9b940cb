/** The bounds of everything that callers give or ask for. */

/** Longest text of a message: bytes of its JSON string without the quotes. */
export const TEXT_BYTES_MAX = 4096;
/** Longest name of a room, counted likewise. */
export const NAME_BYTES_MAX = 128;
/** Most members of a room: each change in it is written into the inbox of each of them, in one transaction. */
export const MEMBERS_MAX = 500;
/** Most rooms that one user can be in. */
export const ROOMS_MAX = 1000;
/** Most entries of a page. */
export const PAGE_MAX = 100;
/** Entries of a page, if the caller does not say. */
export const PAGE_DEFAULT = 50;
/** Events that one call of a room's closing takes away. */
export const CLOSING_EVENTS_MAX = 1000;
