/** Small helpers around the Web Audio interface. */

/** How loud what passes a node is now. */
export class Loudness {
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;

  constructor(source: AudioNode) {
    this.analyser = new AnalyserNode(source.context, { fftSize: 1024 });
    this.samples = new Float32Array(this.analyser.fftSize);
    source.connect(this.analyser);
  }

  /** Root mean square of the last 20 to 40 ms, full scale being 1. */
  rms(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    return Math.sqrt(sum / this.samples.length);
  }
}

type Sinkable = { setSinkId?: (deviceId: string) => Promise<void> };

/** Whether this browser lets a page choose its loudspeaker. */
export const canChooseSpeaker = (): boolean =>
  typeof AudioContext !== "undefined" && "setSinkId" in AudioContext.prototype;

export async function sinkTo(target: object, deviceId: string): Promise<void> {
  await (target as Sinkable).setSinkId?.(deviceId);
}

/** The scale of the meter: -70 to -6 dB below full scale become 0 to 1. */
export const LOWEST_DB = -70;
export const HIGHEST_DB = -6;

/** `rms` of 16-bit samples. */
export const decibels = (rms: number): number => 20 * Math.log10(Math.max(rms, 1) / 32768);

export function onMeter(rms: number): number {
  const place = (decibels(rms) - LOWEST_DB) / (HIGHEST_DB - LOWEST_DB);
  return Math.max(0, Math.min(1, place));
}
