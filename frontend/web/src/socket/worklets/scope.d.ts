/** What the audio thread offers; TypeScript's DOM library knows only the main thread. */

declare const sampleRate: number;

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  abstract process(inputs: Float32Array[][], outputs: Float32Array[][]): boolean;
}

declare function registerProcessor(name: string, made: new () => AudioWorkletProcessor): void;
