/** One call: opens the microphone and a transport, keeps them together, and reconnects. */

import type { ReactNode } from "react";
import { EventLog } from "../events/log";
import { saidIn } from "../history/kept";
import { ApiError, load, usual } from "../server/api";
import {
  SentChanges,
  sessionChange,
  stillUntaken,
  type Untaken,
  untaken,
} from "../settings/refusals";
import { type Settings, stored, store as storeSettings, USUAL } from "../settings/settings";
import { needsNewConversation } from "../settings/update";
import { words } from "../words";
import { backOff } from "./backoff";
import type { Lines } from "./captions";
import type { CallEvent, Notice, Topic } from "./events";
import { Microphone, refusal } from "./microphone";
import { record } from "./recording";
import { explain } from "./refusal";
import { Store } from "./store";
import { type Make, type Transport, TransportError } from "./transport";

export class Call {
  readonly store = new Store();
  readonly log = new EventLog();
  /** Asks the person for an API key; set by the page. */
  askKey: () => void = () => undefined;
  private transport: Transport | null = null;
  private microphone: Microphone | null = null;
  private wanted = false;
  private attempts = 0;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private readonly unsaid: string[] = [];
  private settings: Settings;
  /** The profile that was chosen another day; empty where the page's address names one. */
  private readonly keptProfile: string;
  private readonly sent = new SentChanges();
  private untaken: Untaken = {};
  private readonly settingsListeners = new Set<() => void>();
  /** Whether the next conversation follows one that the person did not end. */
  private follows = false;
  private isHeld = false;
  private microphoneId = "";
  private speakerId = "";

  constructor(
    private readonly make: Make,
    profile = "",
  ) {
    this.settings = stored(localStorage, profile);
    this.keptProfile = profile ? "" : this.settings.profile;
  }

  /** Takes over what was said before the page was loaded again. */
  restore(lines: Lines): void {
    if (lines.length === 0) return;
    this.store.dispatch({ type: "restored", lines });
    this.follows = true;
  }

  /** Forgets what was said; the conversation that is on ends. */
  forget(): void {
    this.end();
    this.store.dispatch({ type: "restored", lines: [] });
  }

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

  /** The key or button goes down: talks and mutes, or with push to talk opens the microphone. */
  press(): void {
    if (!this.settings.pushToTalk) {
      void this.talk();
      return;
    }
    this.isHeld = true;
    if (this.microphone) this.mute(false);
    else void this.talk();
  }

  /** The key or button comes up: with push to talk, the turn is over. */
  release(): void {
    if (!this.isHeld) return;
    this.isHeld = false;
    this.mute(true);
    if (this.store.get().connection === "open") this.transport?.endTurn();
  }

  /** A typed line, with or without a microphone; false, and told, where too many wait. */
  say(text: string): boolean {
    const isOpen = this.store.get().connection === "open";
    const isFull = !isOpen && this.unsaid.length >= MOST_UNSAID;
    this.notify("typed", isFull ? { text: words().talk.tooMany(MOST_UNSAID) } : null);
    if (isFull) return false;
    if (isOpen) this.transport?.say(text);
    else this.unsaid.push(text);
    this.begin();
    return true;
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

  /** Records the person, whom the other side does not hear meanwhile. See `record`. */
  async recordVoice(stop: AbortSignal, tell: (left: number) => void): Promise<Blob | null> {
    const wasOpen = this.store.get().microphone === "open";
    this.mute(true);
    try {
      return await record(this.microphoneId, stop, tell);
    } finally {
      if (wasOpen) this.mute(false);
    }
  }

  /** Loads a model and takes it into this call, and into the next ones on this page. */
  async swapModel(kind: "tts" | "asr", name: string): Promise<void> {
    const loaded = await load(name);
    if (loaded.kind !== kind) {
      const { kinds, notTheKind } = words().models;
      throw new Error(notTheKind(name, kinds[loaded.kind]));
    }
    if (this.store.get().connection === "open") await this.transport?.swapModel(name);
    this.keepSettings({
      ...this.settings,
      ...(kind === "tts" ? { voice: name, speaker: "" } : { recogniser: name }),
    });
    const { voice, recogniser } = this.store.get();
    const now = kind === "tts" ? { voice: name, recogniser } : { voice, recogniser: name };
    this.store.dispatch({ type: "models", ...now });
  }

  // --- settings -----------------------------------------------------------------------------

  readonly getSettings = (): Settings => this.settings;

  readonly getUntaken = (): Untaken => this.untaken;

  readonly subscribeSettings = (listener: () => void): (() => void) => {
    this.settingsListeners.add(listener);
    return () => this.settingsListeners.delete(listener);
  };

  /** Keeps the settings, and takes them into the conversation that is on. */
  async change(changed: Settings): Promise<void> {
    const before = this.settings;
    const isLong = isTooLong(changed.greeting ?? "");
    const settings = isLong ? { ...changed, greeting: before.greeting } : changed;
    this.untaken = stillUntaken(this.untaken, before, settings);
    this.keepSettings(settings);
    const { tooLong, greeting } = words().settings;
    this.notify("settings", isLong ? { text: tooLong(greeting) } : null);
    if (isHeardOtherwise(before, settings) && this.microphone) await this.openMicrophone();
    if (before.pushToTalk !== settings.pushToTalk) this.mute(settings.pushToTalk);
    if (!this.wanted) return;
    if (needsNewConversation(before, settings)) this.reconnect();
    else if (this.store.get().connection === "open") await this.send(before, settings);
  }

  /** Sends what differs, and nothing that was taken or refused before. */
  private async send(before: Settings, after: Settings): Promise<void> {
    const change = { before, after };
    const update = sessionChange(change);
    if (Object.keys(update).length === 0) return;
    await this.transport?.update(update, this.sent.add(change));
  }

  /** What the server does not take is as it was before, here as there, and said. */
  private takeBack(update: string, param: string, why: string): void {
    const taken = this.sent.refused(update, param, this.settings);
    if (!taken) return;
    this.untaken = { ...this.untaken, ...untaken(taken.keys, this.settings, taken.settings) };
    this.keepSettings(taken.settings);
    const { refused, ...names } = words().settings;
    const what = taken.keys.map((key) => names[key]).join(", ");
    this.notify("settings", { text: refused(what, why) });
    if (!taken.rest) return;
    this.send(taken.rest.before, taken.rest.after).catch((error: Error) => {
      this.notify("settings", { text: words().models.failed(error.message) });
    });
  }

  reset(): Promise<void> {
    this.untaken = {};
    return this.change({ ...USUAL, profile: this.settings.profile });
  }

  private keepSettings(settings: Settings): void {
    this.settings = settings;
    storeSettings(localStorage, settings);
    for (const listener of this.settingsListeners) listener();
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

  /** Tries again at once, as after the key changed. */
  resume(): void {
    if (!this.wanted || this.store.get().connection === "open") return;
    clearTimeout(this.retry);
    void this.connect();
  }

  // --- microphone ---------------------------------------------------------------------------

  private async openMicrophone(): Promise<boolean> {
    const muted = this.store.get().microphone === "muted";
    this.store.dispatch({ type: "microphone", microphone: "opening" });
    try {
      const { echo, noise, gain } = this.settings;
      const fresh = await Microphone.open(this.microphoneId, { echo, noise, gain }, () => {
        this.closeMicrophone();
        this.notify("microphone", { text: words().microphone.gone });
      });
      this.microphone?.close();
      this.microphone = fresh;
      await this.transport?.setMicrophone(fresh);
      this.mute(this.settings.pushToTalk ? !this.isHeld : muted);
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

  /** Begins another conversation that follows this one. */
  private reconnect(): void {
    this.follows = true;
    this.transport?.close();
    this.transport = null;
    clearTimeout(this.retry);
    void this.connect();
  }

  private async connect(): Promise<void> {
    this.store.dispatch({ type: "connecting" });
    const { outage } = this.store.get();
    if (outage) this.store.dispatch({ type: "waiting", why: outage.why, retryAt: null });
    let transport: Transport | null = null;
    try {
      const { profile, greeting } = this.settings;
      const beginning = { profile, greeting: this.follows ? "" : greeting };
      transport = await this.make((event) => this.take(event), beginning, this.log.add);
      this.transport = transport;
      this.store.dispatch({ type: "connecting" }); // shows what the transport brings along
      if (this.microphone) transport.record?.(this.microphone);
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
    this.sent.clear();
    const { lines, microphone } = this.store.get();
    const said = saidIn(lines);
    if (lines.length > 0) {
      const remembers = this.follows && transport.restore(said);
      this.store.dispatch({ type: "joined", remembers });
    }
    this.follows = false;
    await this.loadChosen();
    await this.send(USUAL, this.settings);
    if (this.microphone) {
      await transport.setMicrophone(this.microphone);
      transport.setMuted(microphone === "muted");
    }
    for (const text of this.unsaid.splice(0)) transport.say(text);
    this.notify("typed", null);
  }

  /** The server may have unloaded what was chosen another day; what it has no more is given up. */
  private async loadChosen(): Promise<void> {
    for (const key of ["voice", "recogniser"] as const) {
      const name = this.settings[key];
      try {
        if (name) await load(name);
      } catch (error) {
        if (!(error instanceof ApiError) || error.retryable) throw error;
        if (error.status === 403) continue; // the key may talk, and load nothing
        this.keepSettings({ ...this.settings, [key]: "" });
        this.notify("models", { text: words().models.failed(error.message) });
      }
    }
  }

  private take(event: CallEvent): void {
    this.store.dispatch(event);
    if (event.type === "refused") this.takeBack(event.update, event.param, event.why);
    else if (event.type === "lost" && this.wanted) {
      this.transport?.close();
      this.transport = null;
      this.follows = true;
      void this.failed(new TransportError("gone", words().connection.cut));
    } else if (event.type === "hungUp") {
      const { over, reasons } = words().connection;
      this.hangUp(event.reason);
      const why = reasons[event.reason] ?? event.reason.replaceAll("_", " ");
      this.notify("connection", { text: over(why) });
    }
  }

  private hangUp(reason: string): void {
    this.wanted = false;
    this.follows = false;
    clearTimeout(this.retry);
    this.transport?.close();
    this.transport = null;
    this.unsaid.length = 0;
    this.closeMicrophone();
    this.store.dispatch({ type: "hungUp", reason });
    if (!reason) this.notify("connection", null);
  }

  private async failed(error: unknown): Promise<void> {
    const inMs = backOff(this.attempts++);
    const why = await explain(error, this.settings.profile);
    if (!this.wanted) return;
    if (why.refusal === "unauthorized") {
      this.askKey();
      return;
    }
    const { profile: asked } = this.settings;
    if (why.refusal === "unknown" && asked && asked === this.keptProfile) {
      this.keepSettings({ ...this.settings, profile: "" });
      const { refused, profile } = words().settings;
      this.notify("settings", { text: refused(profile, why.message) });
      this.connectIn(0);
      return;
    }
    if (why.refusal === "refused" || why.refusal === "unknown") {
      this.hangUp("");
      this.notify("connection", { text: words().connection.refused(why.message) });
      return;
    }
    this.store.dispatch({ type: "lost" });
    this.store.dispatch({ type: "waiting", why: why.message, retryAt: Date.now() + inMs });
    this.connectIn(inMs);
  }

  private connectIn(ms: number): void {
    clearTimeout(this.retry);
    this.retry = setTimeout(() => void this.connect(), ms);
  }
}

/** Lines that wait for a connection; more would be a flood of answers once there is one. */
const MOST_UNSAID = 16;

/** Of the address that a greeting is a part of, in which letters beyond ASCII take up to nine. */
const MOST_GREETING = 6_000;

const isTooLong = (greeting: string): boolean =>
  new URLSearchParams({ greeting }).toString().length > MOST_GREETING;

const isHeardOtherwise = (before: Settings, after: Settings): boolean =>
  before.echo !== after.echo || before.noise !== after.noise || before.gain !== after.gain;

/** The voice and recogniser that a call would have; rejects as the API does. */
export async function announceUsual(call: Call): Promise<void> {
  const { voice, recogniser } = await usual();
  const chosen = call.getSettings();
  if (call.store.get().session) return;
  call.store.dispatch({
    type: "models",
    voice: chosen.voice || voice,
    recogniser: chosen.recogniser || recogniser,
  });
}
