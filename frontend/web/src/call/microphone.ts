/** The person's microphone: opened once, measured, and handed to whichever transport runs. */

import { words } from "../words";
import type { Notice } from "./events";
import { Loudness } from "./sound";
import type { MicrophoneSource } from "./transport";

/** What the browser does to the sound of the microphone. */
export interface Processing {
  readonly echo: boolean;
  readonly noise: boolean;
  readonly gain: boolean;
}

export class Microphone implements MicrophoneSource {
  private readonly loudness: Loudness;

  private constructor(
    readonly track: MediaStreamTrack,
    readonly node: MediaStreamAudioSourceNode,
    onGone: () => void,
  ) {
    this.loudness = new Loudness(node);
    track.onended = onGone;
  }

  /** `onGone` is called when it is unplugged. Rejects with a DOMException. */
  static async open(
    deviceId: string,
    { echo, noise, gain }: Processing,
    onGone: () => void,
  ): Promise<Microphone> {
    if (!window.isSecureContext) throw new DOMException("", "SecurityError");
    const wanted: MediaTrackConstraints = {
      channelCount: 1,
      echoCancellation: echo,
      noiseSuppression: noise,
      autoGainControl: gain,
    };
    if (deviceId) wanted.deviceId = { exact: deviceId };
    const stream = await navigator.mediaDevices.getUserMedia({ audio: wanted });
    const [track] = stream.getAudioTracks();
    if (!track) throw new DOMException("", "NotFoundError");
    // At the device's own rate: some browsers open microphones at no other.
    const context = new AudioContext({ latencyHint: "interactive" });
    await context.resume();
    return new Microphone(track, context.createMediaStreamSource(stream), onGone);
  }

  set muted(muted: boolean) {
    this.track.enabled = !muted;
  }

  /** Root mean square of 16-bit samples, as the server counts it. */
  level(): number {
    return this.track.enabled ? this.loudness.rms() * 32768 : 0;
  }

  get deviceId(): string {
    return this.track.getSettings().deviceId ?? "";
  }

  close(): void {
    this.track.onended = null;
    this.track.stop();
    this.node.disconnect();
    void (this.node.context as AudioContext).close();
  }
}

/** Why there is no microphone, and what to do, in words. */
export function refusal(error: unknown, where: Location, isSecure: boolean): Notice {
  if (!isSecure) return tunnel(where);
  const { name, message } = error as DOMException;
  const { refused, none, held, notThere, failed } = words().microphone;
  switch (name) {
    case "NotAllowedError":
      return { text: refused };
    case "NotFoundError":
      return { text: none };
    case "NotReadableError":
      return { text: held };
    case "OverconstrainedError":
      return { text: notThere };
    default:
      return { text: failed(message || name) };
  }
}

function tunnel({ protocol, port, hostname }: Location): Notice {
  const theirs = port || (protocol === "https:" ? "443" : "80");
  const ours = Number(theirs) < 1024 ? "8080" : theirs;
  return {
    text: words().microphone.tunnel(`http://127.0.0.1:${ours}`),
    command: `ssh -L ${ours}:127.0.0.1:${theirs} user@${hostname}`,
  };
}
