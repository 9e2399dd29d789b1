/** The audio thread's end of the microphone: pieces of 20 ms, 16 bit, at the wire's rate. */

import { PIECE, WIRE_RATE } from "../wire";
import { Resampler } from "./resampler";

class Microphone extends AudioWorkletProcessor {
  private readonly resampler = new Resampler(sampleRate, WIRE_RATE);
  private readonly piece = new Int16Array(PIECE);
  private filled = 0;

  process([input]: Float32Array[][]): boolean {
    const channel = input?.[0];
    if (!channel) return true;
    for (const sample of this.resampler.push(channel)) {
      this.piece[this.filled++] = Math.max(-1, Math.min(1, sample)) * 32767;
      if (this.filled === PIECE) {
        this.port.postMessage(this.piece.slice());
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("microphone", Microphone);
