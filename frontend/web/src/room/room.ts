import type { Emit } from "../call/events";
import { SocketTransport } from "../socket/socket";

export class RoomTransport extends SocketTransport {
  constructor(emit: Emit, profile: string) {
    super(emit, profile);
  }
}
