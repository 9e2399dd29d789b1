/** The conversation in a LiveKit room; loaded only where the server has rooms. */

import {
  ConnectionError,
  ConnectionErrorReason,
  LocalAudioTrack,
  type LocalTrack,
  type LocalTrackPublication,
  RemoteAudioTrack,
  Room,
  RoomEvent as RoomHappening,
  Track,
} from "livekit-client";
import { createElement, type ReactNode } from "react";
import { type Emit, ending, type Quality } from "../call/events";
import { refusalOf } from "../call/refusal";
import { Loudness } from "../call/sound";
import {
  type Beginning,
  type MicrophoneSource,
  type Tap,
  type Transport,
  TransportError,
} from "../call/transport";
import { ApiError, admission, type Grant, token } from "../server/api";
import { words } from "../words";
import { Agent } from "./agent";
import { Companion } from "./Companion";
import { roundTripMs } from "./statistics";

const AGENT_S = 20;
const STATISTICS_MS = 3_000;

export class RoomTransport implements Transport {
  readonly kind = "room";
  private readonly room = new Room({ stopLocalTrackOnUnpublish: false });
  private readonly agent: Agent;
  private published: LocalTrackPublication | null = null;
  private recorded: LocalAudioTrack | null = null;
  /** The tracks of which the agent is known to hear something. */
  private readonly heard = new Set<string>();
  private listening: { context: AudioContext; loudness: Loudness } | null = null;
  private quality: Quality = "unknown";
  private isOpen = false;
  private isOver = false;
  private measuring: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly emit: Emit,
    private readonly beginning: Beginning,
    tap: Tap,
  ) {
    this.agent = new Agent(this.room, emit, tap, (reason) => this.over(reason));
    this.room
      .on(RoomHappening.TrackSubscribed, (track) => {
        if (track instanceof RemoteAudioTrack) this.listen(track);
      })
      .on(RoomHappening.LocalTrackSubscribed, ({ trackSid }) => this.heard.add(trackSid))
      .on(RoomHappening.SignalReconnecting, () => this.shaky())
      .on(RoomHappening.Reconnecting, () => this.shaky())
      .on(RoomHappening.Reconnected, () => this.steady())
      .on(RoomHappening.Disconnected, () => this.over(null));
  }

  async open(): Promise<void> {
    const grant = await grantFor(this.beginning);
    try {
      await this.room.connect(grant.server_url, grant.participant_token, { maxRetries: 0 });
    } catch (error) {
      throw refused(error, grant);
    }
    if (this.room.name !== grant.room_name) {
      const { otherRoom } = words().connection;
      throw new TransportError("forbidden", otherRoom(this.room.name, grant.room_name));
    }
    await this.room.startAudio();
    await this.agent.comes(AGENT_S);
    this.isOpen = true;
    this.measuring = setInterval(() => void this.measure(), STATISTICS_MS);
  }

  close(): void {
    this.isOver = true;
    clearInterval(this.measuring);
    this.agent.stop();
    this.recorded?.stopPreConnectBuffer();
    void this.room.disconnect(false);
    void this.listening?.context.close();
    this.listening = null;
  }

  private over(reason: string | null): void {
    if (this.isOver || !this.isOpen) return; // before, `open` tells
    this.close();
    this.emit(ending(reason));
  }

  // --- the person ---------------------------------------------------------------------------

  /** LiveKit's client sends the recording once the agent listens, for ten seconds at most. */
  record(source: MicrophoneSource): void {
    this.recorded = new LocalAudioTrack(source.track, undefined, true);
    this.recorded.startPreConnectBuffer();
  }

  async setMicrophone(source: MicrophoneSource | null): Promise<void> {
    const track = this.published?.audioTrack;
    const recorded = this.recorded;
    this.recorded = null;
    const isRecorded = recorded !== null && recorded.mediaStreamTrack === source?.track;
    if (!isRecorded) recorded?.stopPreConnectBuffer();
    if (source && track) await track.replaceTrack(source.track, true);
    else if (source) {
      // The library's own types disagree where optional properties are exact.
      const voice = (isRecorded ? recorded : source.track) as LocalTrack | MediaStreamTrack;
      this.published = await this.room.localParticipant.publishTrack(voice, {
        source: Track.Source.Microphone,
        name: "microphone",
        dtx: false, // the noise gate learns from silence as it is
      });
      // Where the agent hears it before it counts as published, the library notices nothing and
      // would go on recording: the agent would wait for the end, and give the recording up.
      if (isRecorded && this.heard.has(this.published.trackSid)) recorded.stopPreConnectBuffer();
    } else if (track) {
      this.published = null;
      await this.room.localParticipant.unpublishTrack(track.mediaStreamTrack, false);
    }
  }

  setMuted(muted: boolean): void {
    void (muted ? this.published?.mute() : this.published?.unmute());
  }

  say(text: string): void {
    this.emit({ type: "typed", item: crypto.randomUUID(), text });
    this.agent.chat(text);
  }

  interrupt(): void {
    this.agent.interrupt();
  }

  swapModel(name: string): Promise<void> {
    return this.agent.swapModel(name);
  }

  update(session: object, id: string): Promise<void> {
    return this.agent.update(session, id);
  }

  /** Rooms have no way to hand over what was said before. */
  restore(): boolean {
    return false;
  }

  /** In a room silence ends the turn: a muted track is silent at once. */
  endTurn(): void {}

  // --- the bot ------------------------------------------------------------------------------

  async setSpeaker(deviceId: string): Promise<void> {
    if (deviceId || this.listening) {
      await this.room.switchActiveDevice("audiooutput", deviceId || "default");
    }
  }

  outputLevel(): number {
    return this.listening?.loudness.rms() ?? 0;
  }

  companion(): ReactNode {
    return createElement(Companion, {
      room: this.room,
      onQuality: (quality) => {
        this.quality = quality;
        void this.measure();
      },
    });
  }

  private listen(track: RemoteAudioTrack): void {
    void this.listening?.context.close();
    const context = new AudioContext();
    const stream = new MediaStream([track.mediaStreamTrack]);
    this.listening = { context, loudness: new Loudness(context.createMediaStreamSource(stream)) };
  }

  // --- the connection -----------------------------------------------------------------------

  private shaky(): void {
    const notice = { text: words().connection.brokeOff };
    this.emit({ type: "notice", topic: "connection", notice });
  }

  private steady(): void {
    this.emit({ type: "notice", topic: "connection", notice: null });
  }

  private async measure(): Promise<void> {
    const measured = await roundTripMs(this.published?.audioTrack ?? null);
    if (this.isOver) return;
    this.emit({ type: "quality", quality: this.quality, roundTripMs: measured });
  }
}

async function grantFor({ profile, greeting }: Beginning): Promise<Grant> {
  try {
    await admission(profile);
    return await token(profile, greeting);
  } catch (error) {
    throw error instanceof ApiError ? refusalOf(error) : new TransportError("gone", String(error));
  }
}

function refused(error: unknown, { server_url: url }: Grant): TransportError {
  const reason = error instanceof ConnectionError ? error.reason : null;
  if (reason === ConnectionErrorReason.NotAllowed) {
    const why = error instanceof Error ? error.message : "";
    return new TransportError("forbidden", words().connection.roomRefused(why));
  }
  return new TransportError("busy", words().connection.room(url));
}
