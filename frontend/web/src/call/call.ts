/** One call: opens the microphone and a transport, keeps them together, and reconnects. */

import type { ReactNode } from "react";
import { ApiError, models as listModels, load, usual } from "../server/api";
import { backOff } from "./backoff";
import type { CallEvent, Notice, Topic } from "./events";
import { GONE, Microphone, refusal } from "./microphone";
import { Store } from "./store";
import { type Make, type Transport, TransportError } from "./transport";

export class Call {
  readonly store = new Store();
  /** Asks the person for an API key; set by the page. */
  askKey: () => void = () => undefined;
  private transport: Transport | null = null;
  private microphone: Microphone | null = null;
  private wanted = false;
  private attempts = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly unsaid: string[] = [];
  private readonly chosen = new Map<string, string>();
  private microphoneId = "";
  private speakerId = "";

  constructor(private readonly make: Make) {}

  /** The big button: begins a call, then mutes and unmutes it. */
  async talk(): Promise<void> {
    const { microphone } = this.store.get();
    if (microphone === "opening") return;
    if (this.microphone) {
      this.mute(microphone !== "muted");
      return;
    }
    if (await this.openMicrophone()) this.begin();
  }

  /** A typed line, with or without a microphone. */
  say(text: string): void {
    if (this.store.get().connection === "open") this.transport?.say(text);
    else this.unsaid.push(text);
    this.begin();
  }

  interrupt(): void {
    this.transport?.interrupt();
  }

  end(): void {
    this.hangUp("");
  }

  async chooseMicrophone(deviceId: string): Promise<void> {
    this.microphoneId = deviceId;
    if (this.microphone) await this.openMicrophone();
  }

  async chooseSpeaker(deviceId: string): Promise<void> {
    this.speakerId = deviceId;
    await this.transport?.setSpeaker(deviceId);
  }

  /** Loads a model and takes it into this call, and into the next ones on this page. */
  async swapModel(kind: "tts" | "asr", name: string): Promise<void> {
    const loaded = await load(name);
    if (loaded.kind !== kind) {
      throw new Error(`${name} is not a ${kind === "tts" ? "voice" : "recogniser"}`);
    }
    if (this.store.get().connection === "open") await this.transport?.swapModel(name);
    this.chosen.set(kind, name);
    const { voice, recogniser } = this.store.get();
    const now = kind === "tts" ? { voice: name, recogniser } : { voice, recogniser: name };
    this.store.dispatch({ type: "models", ...now });
  }

  /** Root mean square of 16-bit samples. */
  inputLevel(): number {
    return this.microphone?.level() ?? 0;
  }

  /** 0 to 1. */
  outputLevel(): number {
    return this.transport?.outputLevel() ?? 0;
  }

  transportKind(): Transport["kind"] | null {
    return this.transport?.kind ?? null;
  }

  companion(): ReactNode {
    return this.transport?.companion?.() ?? null;
  }

  notify(topic: Topic, notice: Notice | null): void {
    this.store.dispatch({ type: "notice", topic, notice });
  }

  /** Tries again at once, after the key changed. */
  resume(): void {
    if (this.wanted && this.store.get().connection !== "open") this.connectIn(0);
  }

  // --- microphone ---------------------------------------------------------------------------

  private async openMicrophone(): Promise<boolean> {
    const muted = this.store.get().microphone === "muted";
    this.store.dispatch({ type: "microphone", microphone: "opening" });
    try {
      const fresh = await Microphone.open(this.microphoneId, () => {
        this.closeMicrophone();
        this.notify("microphone", GONE);
      });
      this.microphone?.close();
      this.microphone = fresh;
      await this.transport?.setMicrophone(fresh);
      this.mute(muted);
      this.notify("microphone", null);
    } catch (error) {
      this.notify("microphone", refusal(error, location, window.isSecureContext));
      if (this.microphone) this.mute(muted);
      else this.closeMicrophone();
      return false;
    }
    return true;
  }

  private closeMicrophone(): void {
    this.microphone?.close();
    this.microphone = null;
    void this.transport?.setMicrophone(null);
    this.store.dispatch({ type: "microphone", microphone: "closed" });
  }

  private mute(muted: boolean): void {
    if (!this.microphone) return;
    this.microphone.muted = muted;
    this.transport?.setMuted(muted);
    this.store.dispatch({ type: "microphone", microphone: muted ? "muted" : "open" });
  }

  // --- connection ---------------------------------------------------------------------------

  private begin(): void {
    if (this.wanted) return;
    this.wanted = true;
    this.attempts = 0;
    void this.connect();
  }

  private async connect(): Promise<void> {
    this.store.dispatch({ type: "connecting" });
    let transport: Transport | null = null;
    try {
      transport = await this.make((event) => this.take(event));
      this.transport = transport;
      this.store.dispatch({ type: "connecting" }); // shows what the transport brings along
      await transport.setSpeaker(this.speakerId);
      await transport.open();
      if (this.transport !== transport) return; // hung up meanwhile
      await this.settle(transport);
    } catch (error) {
      transport?.close();
      if (!this.wanted || (transport && this.transport !== transport)) return;
      this.transport = null;
      await this.failed(error);
    }
  }

  /** A fresh conversation takes over what the page holds. */
  private async settle(transport: Transport): Promise<void> {
    this.attempts = 0;
    if (this.microphone) {
      await transport.setMicrophone(this.microphone);
      transport.setMuted(this.store.get().microphone === "muted");
    }
    for (const name of this.chosen.values()) await transport.swapModel(name);
    for (const text of this.unsaid.splice(0)) transport.say(text);
  }

  private take(event: CallEvent): void {
    this.store.dispatch(event);
    if (event.type === "lost" && this.wanted) {
      this.transport?.close();
      this.transport = null;
      void this.failed(new TransportError("gone", "the connection was lost"));
    } else if (event.type === "hungUp") {
      const reason = event.reason.replaceAll("_", " ");
      this.notify("connection", { text: `The conversation ended: ${reason}.` });
      this.hangUp(event.reason);
    }
  }

  private hangUp(reason: string): void {
    this.wanted = false;
    clearTimeout(this.retry);
    this.transport?.close();
    this.transport = null;
    this.unsaid.length = 0;
    this.closeMicrophone();
    this.store.dispatch({ type: "hungUp", reason });
    if (!reason) this.notify("connection", null);
  }

  /** A browser does not tell why a socket was refused; an ordinary request does. */
  private async failed(error: unknown): Promise<void> {
    const inMs = backOff(this.attempts++);
    const why = await explain(error);
    if (!this.wanted) return;
    if (why.refusal === "unauthorized") {
      this.askKey();
      return;
    }
    this.notify("connection", {
      text: `${why.message} Trying again in ${Math.ceil(inMs / 1000)} s.`,
    });
    this.store.dispatch({ type: "lost" });
    this.connectIn(inMs);
  }

  private connectIn(ms: number): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(), ms);
  }
}

/** What keeps the page from the server, in words. */
async function explain(error: unknown): Promise<TransportError> {
  if (error instanceof TransportError && error.refusal !== "gone") return error;
  try {
    await listModels();
  } catch (refused) {
    if (refused instanceof ApiError && refused.status === 401) {
      return new TransportError("unauthorized", refused.message);
    }
    return new TransportError("gone", "The server is gone.");
  }
  if (error instanceof TransportError) {
    return new TransportError("busy", "The server is busy or still loading its models.");
  }
  return new TransportError("busy", `The connection failed: ${String(error)}.`);
}

/** The voice and recogniser that a call would have; rejects as the API does. */
export async function announceUsual(call: Call): Promise<void> {
  const { voice, recogniser } = await usual();
  if (!call.store.get().session) call.store.dispatch({ type: "models", voice, recogniser });
}
