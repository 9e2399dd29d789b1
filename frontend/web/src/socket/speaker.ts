/** The loudspeaker: audio from the socket through a jitter buffer in the audio thread. */

import { Loudness, sinkTo } from "../call/sound";
import { WIRE_RATE } from "./wire";
import type { Counters } from "./worklets/jitter";
import type { Command } from "./worklets/player.worklet";
import playerUrl from "./worklets/player.worklet?worker&url";

export class Speaker {
  counters: Counters | null = null;

  private constructor(
    private readonly context: AudioContext,
    private readonly player: AudioWorkletNode,
    private readonly loudness: Loudness,
  ) {
    player.port.onmessage = ({ data }: MessageEvent<Counters>) => {
      this.counters = data;
    };
  }

  /** Needs a press of a key or button: browsers keep pages silent until then. */
  static async open(deviceId: string): Promise<Speaker> {
    const context = new AudioContext({ sampleRate: WIRE_RATE, latencyHint: "interactive" });
    await context.audioWorklet.addModule(playerUrl);
    const player = new AudioWorkletNode(context, "player", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    const loudness = new Loudness(player);
    player.connect(context.destination);
    await context.resume();
    await sinkTo(context, deviceId);
    return new Speaker(context, player, loudness);
  }

  command(command: Command): void {
    this.player.port.postMessage(command);
  }

  level(): number {
    return this.loudness.rms();
  }

  setDevice(deviceId: string): Promise<void> {
    return sinkTo(this.context, deviceId);
  }

  close(): void {
    void this.context.close();
  }
}
