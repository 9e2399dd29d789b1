/** The other side of the room: what the agent tells on `vdx.events`, and what it can be asked. */

import {
  ConnectionState,
  type RemoteParticipant,
  type Room,
  RoomEvent as RoomHappening,
  RpcError,
} from "livekit-client";
import type { Emit } from "../call/events";
import { type Tap, TransportError } from "../call/transport";
import { wrong } from "../socket/protocol";
import { words } from "../words";
import { type RoomEvent, translateRoom } from "./events";
import { Mute } from "./mute";

const TOPIC = "vdx.events";
const CHAT = "lk.chat";
/** How long another worker may take to follow one that died. */
const SUCCESSOR_S = 8;
/** A session tells its levels five times a second; without a word for so long it is dead. */
const SILENCE_S = 5;
const REFUSED = RpcError.ErrorCode.APPLICATION_ERROR;

/** What the agent says of a refusal. */
interface Refused {
  readonly message?: string;
  readonly param?: string | null;
}

export class Agent {
  private participant: RemoteParticipant | null = null;
  private session = "";
  private reason: string | null = null;
  private complaint = "";
  private readonly mute = new Mute((silent) => this.participant?.setVolume(silent ? 0 : 1));
  private arrived: (() => void) | null = null;
  private refused: ((error: TransportError) => void) | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;

  /** `onOver` is called with the reason a session told, or null when the agent just left. */
  constructor(
    private readonly room: Room,
    private readonly emit: Emit,
    private readonly tap: Tap,
    private readonly onOver: (reason: string | null) => void,
  ) {
    room
      .on(RoomHappening.DataReceived, (payload, sender, _kind, topic) => {
        if (topic === TOPIC && sender) this.hear(payload, sender);
      })
      .on(RoomHappening.ParticipantDisconnected, (left) => {
        if (left.identity === this.participant?.identity) this.leave();
      });
  }

  /** Resolves once the agent's session has begun. */
  comes(seconds: number): Promise<void> {
    if (this.session) return Promise.resolve();
    return new Promise((resolve, reject) => {
      this.arrived = resolve;
      this.refused = reject;
      this.timer = setTimeout(() => {
        const why = this.complaint || words().connection.nobody;
        reject(new TransportError("busy", why));
      }, seconds * 1000);
    });
  }

  stop(): void {
    clearTimeout(this.timer);
    clearTimeout(this.silence);
    this.mute.stop();
    this.participant = null;
  }

  chat(text: string): void {
    this.room.localParticipant.sendText(text, { topic: CHAT }).catch((error) => this.failed(error));
  }

  interrupt(): void {
    this.ask("vdx.interrupt", {}).catch((error) => this.failed(error));
  }

  async swapModel(model: string): Promise<void> {
    await this.ask("vdx.use_model", { model });
  }

  async update(session: object, id: string): Promise<void> {
    try {
      await this.call("vdx.update_session", { session });
    } catch (error) {
      if (!(error instanceof RpcError) || error.code !== REFUSED) throw error;
      const { message, param } = JSON.parse(error.data ?? "{}") as Refused;
      const why = message ?? error.message;
      this.emit({ type: "refused", update: id, param: param ?? "", why });
    }
  }

  private async ask(method: string, payload: object): Promise<void> {
    try {
      await this.call(method, payload);
    } catch (error) {
      throw error instanceof RpcError ? new Error(error.message) : error;
    }
  }

  /** Rejects with RpcError where the agent refuses it. */
  private async call(method: string, payload: object): Promise<void> {
    if (!this.participant) return;
    this.tap("out", { type: method, ...payload });
    await this.room.localParticipant.performRpc({
      destinationIdentity: this.participant.identity,
      method,
      payload: JSON.stringify(payload),
    });
  }

  private failed(error: Error): void {
    this.emit(wrong(words().answer.notSent(error.message)));
  }

  private hear(payload: Uint8Array, sender: RemoteParticipant): void {
    const event = JSON.parse(new TextDecoder().decode(payload)) as RoomEvent;
    this.tap("in", event);
    if (event.type === "vdx.session") this.begin(event.session, sender);
    if (sender.identity === this.participant?.identity) {
      this.expectMore();
      this.mute.take(event.type);
    }
    if (event.type === "vdx.session.ended") this.reason = event.reason;
    if (event.type === "vdx.error") this.complaint = `${event.error.message}.`;
    for (const told of translateRoom(event)) this.emit(told);
  }

  private begin(session: string, sender: RemoteParticipant): void {
    this.participant = sender;
    if (session === this.session) return;
    clearTimeout(this.timer);
    this.emit({ type: this.session ? "renewed" : "connected", session });
    this.session = session;
    this.reason = null;
    this.arrived?.();
  }

  private expectMore(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => {
      // A connection that breaks off is the room's to mend.
      if (this.room.state === ConnectionState.Connected) this.onOver(this.reason);
      else this.expectMore();
    }, SILENCE_S * 1000);
  }

  private leave(): void {
    this.participant = null;
    clearTimeout(this.silence);
    if (this.reason !== null) this.onOver(this.reason);
    else if (!this.session) {
      this.refused?.(new TransportError("busy", this.complaint || words().connection.leftAtOnce));
    } else {
      this.emit({ type: "state", state: "idle" });
      const notice = { text: words().connection.workerGone };
      this.emit({ type: "notice", topic: "connection", notice });
      this.timer = setTimeout(() => this.onOver(null), SUCCESSOR_S * 1000);
    }
  }
}
