/** How the page reaches the server. `SocketTransport` and `RoomTransport` are its two kinds. */

import type { ReactNode } from "react";
import type { Emit } from "./events";

export interface Transport {
  readonly kind: "socket" | "room";

  /**
   * Opens one conversation; resolves once it is heard.
   * Rejects with a `TransportError`. After it resolved, a loss is told as `lost` or `hungUp`.
   */
  open(): Promise<void>;

  /** Ends the conversation and frees what it held; may be called at any time, and twice. */
  close(): void;

  /** Keeps what the person says from now on, until `setMicrophone` lets it be heard. */
  record?(source: MicrophoneSource): void;

  /** The person's voice; null when there is no microphone any more. Takes effect at once. */
  setMicrophone(source: MicrophoneSource | null): Promise<void>;

  setMuted(muted: boolean): void;

  /** Plays through another device, "" being the usual one. */
  setSpeaker(deviceId: string): Promise<void>;

  /** A typed line; it takes the place of an answer that is still being spoken. */
  say(text: string): void;

  /** Ends the answer that is being spoken. */
  interrupt(): void;

  /** Changes the voice or recogniser of this conversation, which is loaded already. */
  swapModel(name: string): Promise<void>;

  /**
   * Changes settings of this conversation: the `session` of a session.update. Where it is refused,
   * `refused` is told with this id.
   */
  update(session: object, id: string): Promise<void>;

  /** Tells the other side what was said before; returns whether it can take that. */
  restore(said: readonly Said[]): boolean;

  /** The person has finished: no silence has to be waited for. */
  endTurn(): void;

  /** How loud the other side is now, 0 to 1. */
  outputLevel(): number;

  /** What must be in the document while the call lasts. */
  companion?(): ReactNode;
}

/** An open microphone: the track for WebRTC, and its node for worklets. */
export interface MicrophoneSource {
  readonly track: MediaStreamTrack;
  readonly node: MediaStreamAudioSourceNode;
}

/** A line of an earlier connection. */
export interface Said {
  readonly who: "you" | "vdx";
  readonly text: string;
}

/** What a conversation begins with. */
export interface Beginning {
  readonly profile: string;
  /** What is said first; null: what the profile says. */
  readonly greeting: string | null;
}

/** Is shown every event of the protocol, both ways. */
export type Tap = (direction: "in" | "out", event: object) => void;

export type Make = (emit: Emit, beginning: Beginning, tap: Tap) => Promise<Transport>;

/**
 * Why a conversation could not be opened; after `refused` another attempt would be in vain, and
 * after `unknown`, which there is no such profile for, one with the same profile.
 */
export type Refusal = "gone" | "busy" | "unauthorized" | "forbidden" | "refused" | "unknown";

export class TransportError extends Error {
  constructor(
    readonly refusal: Refusal,
    message: string,
  ) {
    super(message);
  }
}
