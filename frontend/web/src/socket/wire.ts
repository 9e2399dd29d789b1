/** The audio of the Realtime protocol. */

export const WIRE_RATE = 24_000;

/** Samples sent at a time: 20 ms. */
export const PIECE = 480;

export function toBase64(pcm: Int16Array): string {
  const bytes = new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength);
  return btoa(String.fromCharCode(...bytes));
}

export function fromBase64(text: string): Int16Array {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return new Int16Array(bytes.buffer, 0, bytes.length >> 1);
}
