/**
 * A ring of audio between the socket and the loudspeaker.
 *
 * It plays once 40 ms are there and waits 20 ms longer each time it ran dry. `freeze` stops at the
 * next sample but for a 5 ms fade, and `thaw` goes on with the sample that follows: what was
 * paused by a false interruption loses nothing. `drop` throws away what a real one cut off.
 */
export interface Counters {
  played: number;
  underruns: number;
  overflows: number;
  /** Samples of silence put out while frozen. */
  frozen: number;
  dropped: number;
  buffered: number;
}

const START_S = 0.04;
const WAIT_S = 0.02;
const LONGEST_WAIT_S = 0.2;
const FADE_S = 0.005;
const RING_S = 4;

export class JitterBuffer {
  readonly counters: Counters = {
    played: 0,
    underruns: 0,
    overflows: 0,
    frozen: 0,
    dropped: 0,
    buffered: 0,
  };
  private readonly ring: Float32Array;
  private readonly fade: number;
  private read = 0;
  private count = 0;
  private gain = 0;
  private wanted: number;
  private playing = false;
  private frozen = false;
  private ended = false;

  constructor(private readonly rate: number) {
    this.ring = new Float32Array(RING_S * rate);
    this.wanted = START_S * rate;
    this.fade = 1 / (FADE_S * rate);
  }

  /** A new answer begins. */
  begin(): void {
    this.ended = false;
  }

  add(pcm: Int16Array): void {
    for (const sample of pcm) {
      if (this.count === this.ring.length) {
        this.step();
        this.counters.overflows++;
      }
      this.ring[(this.read + this.count++) % this.ring.length] = sample / 32768;
    }
  }

  /** The answer is whole: play what is left without waiting for more. */
  finish(): void {
    this.ended = true;
  }

  freeze(): void {
    this.frozen = true;
  }

  thaw(): void {
    this.frozen = false;
  }

  /** All but 5 ms that fade out, so that it does not click. */
  drop(): void {
    const sounding = this.playing && !this.frozen;
    const kept = sounding ? Math.min(this.count, Math.round(FADE_S * this.rate)) : 0;
    for (let i = 0; i < kept; i++) {
      const at = (this.read + i) % this.ring.length;
      this.ring[at] = (this.ring[at] ?? 0) * (1 - i / kept);
    }
    this.counters.dropped += this.count - kept;
    this.count = kept;
    this.ended = true;
    this.frozen = false;
  }

  /** Fills `out`, which holds zeros. */
  pull(out: Float32Array): void {
    if (this.count >= this.wanted || (this.ended && this.count > 0)) this.playing = true;
    for (let i = 0; i < out.length && this.playing; i++) {
      const change = this.frozen ? -this.fade : this.fade;
      this.gain = Math.max(0, Math.min(1, this.gain + change));
      if (this.frozen && this.gain === 0) this.counters.frozen++;
      else if (this.count === 0) this.stop();
      else {
        out[i] = (this.ring[this.read] ?? 0) * this.gain;
        this.step();
        this.counters.played++;
      }
    }
    this.counters.buffered = this.count;
  }

  private step(): void {
    this.read = (this.read + 1) % this.ring.length;
    this.count--;
  }

  private stop(): void {
    this.playing = false;
    this.gain = 0;
    if (this.ended) return;
    this.counters.underruns++;
    this.wanted = Math.min(LONGEST_WAIT_S * this.rate, this.wanted + WAIT_S * this.rate);
  }
}
