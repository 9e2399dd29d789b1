/** The audio thread's end of the loudspeaker. */

import { JitterBuffer } from "./jitter";

export type Order = "begin" | "finish" | "freeze" | "thaw" | "drop";
export type Command = { do: Order } | { do: "add"; pcm: Int16Array };

const TELL_BLOCKS = 16; // counters are told every 16 blocks, about 85 ms

class Player extends AudioWorkletProcessor {
  private readonly buffer = new JitterBuffer(sampleRate);
  private blocks = 0;

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<Command>) => {
      if (data.do === "add") this.buffer.add(data.pcm);
      else this.buffer[data.do]();
    };
  }

  process(_inputs: Float32Array[][], [output]: Float32Array[][]): boolean {
    const channel = output?.[0];
    if (channel) this.buffer.pull(channel);
    if (++this.blocks % TELL_BLOCKS === 0) this.port.postMessage(this.buffer.counters);
    return true;
  }
}

registerProcessor("player", Player);
