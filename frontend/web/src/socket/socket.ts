/** The conversation over the Realtime WebSocket: microphone and loudspeaker in AudioWorklets. */

import { type Emit, ending, type Quality } from "../call/events";
import {
  type Beginning,
  type MicrophoneSource,
  type Said,
  type Tap,
  type Transport,
  TransportError,
} from "../call/transport";
import { apiKey, roundTrip, switchTo } from "../server/api";
import { CANCEL_ID, COMMIT_ID, playback, RESTORED, type ServerEvent, translate } from "./protocol";
import { Speaker } from "./speaker";
import { fromBase64, toBase64 } from "./wire";
import microphoneUrl from "./worklets/microphone.worklet?worker&url";

const MAX_UNSENT = 200_000; // bytes waiting in the socket: about 3 s of audio
const QUALITY_MS = 3_000;
const FAIR_MS = 150; // a round trip beyond this is felt in the conversation
const POOR_MS = 400;

export class SocketTransport implements Transport {
  readonly kind = "socket";
  private socket: WebSocket | null = null;
  private speaker: Speaker | null = null;
  private capture: AudioWorkletNode | null = null;
  private session = "";
  private speakerId = "";
  private muted = false;
  private underruns = 0;
  private readonly replies = new Set<string>();
  private measuring: ReturnType<typeof setInterval> | undefined;

  constructor(
    private readonly emit: Emit,
    private readonly beginning: Beginning,
    private readonly tap: Tap,
  ) {}

  async open(): Promise<void> {
    // Elsewhere there are no worklets: captions only.
    if (window.isSecureContext) this.speaker = await Speaker.open(this.speakerId);
    await new Promise<void>((resolve, reject) => this.connect(resolve, reject));
    this.measuring = setInterval(() => void this.measure(), QUALITY_MS);
    void this.measure();
  }

  private connect(opened: () => void, refused: (error: TransportError) => void): void {
    const key = apiKey.get();
    const protocols = ["realtime", ...(key ? [`openai-insecure-api-key.${key}`] : [])];
    const address = new URL("v1/realtime", location.href);
    address.protocol = address.protocol.replace("http", "ws");
    const { profile, greeting } = this.beginning;
    if (profile) address.searchParams.set("model", profile);
    if (greeting !== null) address.searchParams.set("greeting", greeting);
    const socket = new WebSocket(address, protocols);
    this.socket = socket;
    socket.onmessage = ({ data }: MessageEvent<string>) => {
      const event = JSON.parse(data) as ServerEvent;
      this.tap("in", event);
      if (event.type === "session.created") {
        this.begin(event.session.id);
        opened();
      }
      this.take(event);
    };
    socket.onclose = ({ code, reason }) => {
      if (!this.session) refused(new TransportError("gone", "the server does not answer"));
      else this.over(code === 1000 && reason ? reason : null);
    };
  }

  private begin(session: string): void {
    this.session = session;
    this.send("session.update", { session: { type: "realtime", vdx: { events: true } } });
    this.emit({ type: "connected", session });
  }

  private over(reason: string | null): void {
    this.close();
    this.emit(ending(reason));
  }

  private take(event: ServerEvent): void {
    if (event.type === "response.output_audio.delta") {
      this.speaker?.command({ do: "add", pcm: fromBase64(event.delta) });
      return;
    }
    if (event.type === "response.created") this.replies.add(event.response.id);
    if (event.type === "response.done") this.replies.delete(event.response.id);
    const command = playback(event);
    if (command) this.speaker?.command({ do: command });
    for (const told of translate(event)) this.emit(told);
  }

  close(): void {
    clearInterval(this.measuring);
    if (this.socket) {
      this.socket.onmessage = null;
      this.socket.onclose = null;
      this.socket.close(1000);
      this.socket = null;
    }
    this.capture?.disconnect();
    this.capture = null;
    this.speaker?.close();
    this.speaker = null;
  }

  async setMicrophone(source: MicrophoneSource | null): Promise<void> {
    this.capture?.port.close();
    this.capture?.disconnect();
    this.capture = null;
    if (!source) return;
    const { context } = source.node;
    await context.audioWorklet.addModule(microphoneUrl);
    this.capture = new AudioWorkletNode(context, "microphone", { numberOfOutputs: 0 });
    this.capture.port.onmessage = ({ data }: MessageEvent<Int16Array>) => this.speak(data);
    source.node.connect(this.capture);
  }

  private speak(pcm: Int16Array): void {
    if (this.muted || !this.session || (this.socket?.bufferedAmount ?? 0) > MAX_UNSENT) return;
    this.send("input_audio_buffer.append", { audio: toBase64(pcm) });
  }

  setMuted(muted: boolean): void {
    this.muted = muted;
  }

  async setSpeaker(deviceId: string): Promise<void> {
    this.speakerId = deviceId;
    await this.speaker?.setDevice(deviceId);
  }

  say(text: string): void {
    this.interrupt();
    const content = [{ type: "input_text", text }];
    this.send("conversation.item.create", { item: { type: "message", role: "user", content } });
    this.send("response.create");
  }

  interrupt(): void {
    if (this.replies.size) this.send("response.cancel", { event_id: CANCEL_ID });
  }

  async swapModel(name: string): Promise<void> {
    await switchTo(name, this.session);
  }

  async update(session: object, id: string): Promise<void> {
    this.send("session.update", { event_id: id, session: { type: "realtime", ...session } });
  }

  restore(said: readonly Said[]): boolean {
    for (const [index, { who, text }] of said.entries()) {
      const [role, type] = who === "you" ? ["user", "input_text"] : ["assistant", "output_text"];
      const id = `${RESTORED}${index}`;
      const item = { id, type: "message", role, content: [{ type, text }] };
      this.send("conversation.item.create", { item });
    }
    return true;
  }

  endTurn(): void {
    // Without audio since the last turn the server refuses it, which is of no interest.
    this.send("input_audio_buffer.commit", { event_id: COMMIT_ID });
  }

  outputLevel(): number {
    return this.speaker?.level() ?? 0;
  }

  private send(type: string, fields: object = {}): void {
    if (this.socket?.readyState === WebSocket.OPEN) {
      this.tap("out", { type, ...fields });
      this.socket.send(JSON.stringify({ type, ...fields }));
    }
  }

  private async measure(): Promise<void> {
    try {
      const roundTripMs = await roundTrip();
      const ranDry = (this.speaker?.counters?.underruns ?? 0) - this.underruns;
      this.underruns += ranDry;
      if (this.socket)
        this.emit({ type: "quality", quality: rate(roundTripMs, ranDry), roundTripMs });
    } catch {
      if (this.socket) this.emit({ type: "quality", quality: "poor", roundTripMs: null });
    }
  }
}

/** How the connection feels: how long a round trip takes, and how often sound ran out. */
export function rate(roundTripMs: number, ranDry: number): Quality {
  if (roundTripMs > POOR_MS || ranDry > 2) return "poor";
  return roundTripMs > FAIR_MS || ranDry > 0 ? "fair" : "good";
}
