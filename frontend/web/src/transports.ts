/** Which way the page takes: rooms where the server has them, else the socket. */

import type { Make } from "./call/transport";
import { type PageConfig, pageConfig } from "./server/api";
import { SocketTransport } from "./socket/socket";

/**
 * `first` is the configuration as it was when the page loaded, asked for once more if that failed.
 * `?transport=socket` in the address keeps a page out of the rooms, behind a tunnel for example.
 */
export function makeTransport(first: Promise<PageConfig>, query: URLSearchParams): Make {
  const overSocket: Make = async (...given) => new SocketTransport(...given);
  if (query.get("transport") === "socket") return overSocket;
  // Fetched while the person still looks at the page; a failure shows when a call begins.
  first.then(({ livekit }) => (livekit ? import("./room/room") : null)).catch(() => undefined);
  let config = first;
  return async (...given) => {
    config = config.catch(() => pageConfig());
    const { livekit } = await config;
    if (!livekit) return overSocket(...given);
    const { RoomTransport } = await import("./room/room");
    return new RoomTransport(...given);
  };
}
