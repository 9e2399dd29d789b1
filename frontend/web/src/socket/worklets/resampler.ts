/** Windowed-sinc (Hann) resampling of a mono stream; hands through where the rates agree. */

const FINE = 256; // kernel points between two samples
const TAPS = 12; // zero crossings on each side

export class Resampler {
  private readonly step: number;
  private readonly half: number;
  private readonly kernel: Float32Array;
  private held: Float32Array;
  private at: number;

  constructor(from: number, to: number) {
    this.step = from / to;
    const cut = Math.min(1, to / from);
    this.half = Math.ceil(TAPS / cut);
    this.held = new Float32Array(2 * this.half);
    this.at = this.half;
    this.kernel = Float32Array.from({ length: this.half * FINE + 1 }, (_, index) => {
      const x = index / FINE;
      const phase = Math.PI * x * cut;
      const window = 0.5 + 0.5 * Math.cos((Math.PI * x) / this.half);
      return window * (x ? (cut * Math.sin(phase)) / phase : cut);
    });
  }

  /** The samples that `block` completes; half a kernel is held back for the next one. */
  push(block: Float32Array): Float32Array {
    if (this.step === 1) return block;
    const all = new Float32Array(this.held.length + block.length);
    all.set(this.held);
    all.set(block, this.held.length);
    const out: number[] = [];
    for (; this.at + this.half < all.length; this.at += this.step) out.push(this.sample(all));
    const done = Math.max(0, Math.floor(this.at) - this.half);
    this.held = all.slice(done);
    this.at -= done;
    return Float32Array.from(out);
  }

  private sample(all: Float32Array): number {
    const first = Math.ceil(this.at - this.half);
    const last = Math.floor(this.at + this.half);
    let sum = 0;
    let point = Math.round((first - this.at) * FINE); // of the kernel, which is symmetric
    for (let i = first; i <= last; i++, point += FINE) {
      sum += (all[i] ?? 0) * (this.kernel[point < 0 ? -point : point] ?? 0);
    }
    return sum;
  }
}
