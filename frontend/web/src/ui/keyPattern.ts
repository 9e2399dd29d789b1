/**
 * What a key may consist of: the characters of a WebSocket subprotocol, which carries it. Browsers
 * read a `pattern` with the flag `v`, where a bar in a class is written with a backslash.
 */
export const KEY_PATTERN = "[!#$%&'*+.^_`\\|~0-9A-Za-z\\-]+";
