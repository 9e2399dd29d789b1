/** A recording of the person, for a voice that is made of it. */

import { Microphone } from "./microphone";

export const RECORDED_S = 10;

/**
 * Records for `RECORDED_S` seconds, in the browser's own format; null where it was stopped before.
 * `tell` is called with the seconds that are left. Rejects with a DOMException without a microphone.
 */
export async function record(
  deviceId: string,
  stop: AbortSignal,
  tell: (left: number) => void,
): Promise<Blob | null> {
  let isGone = false;
  // Without echo and noise removal, which would be heard in the voice.
  const processing = { echo: false, noise: false, gain: true };
  const microphone = await Microphone.open(deviceId, processing, () => {
    isGone = true;
  });
  try {
    const parts: Blob[] = [];
    const recorder = new MediaRecorder(new MediaStream([microphone.track]));
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const ended = new Promise<void>((resolve) => {
      recorder.onstop = () => resolve();
    });
    recorder.start();
    for (let left = RECORDED_S; left > 0 && !stop.aborted && !isGone; left--) {
      tell(left);
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
    if (recorder.state !== "inactive") recorder.stop(); // it has ended with its track
    await ended;
    if (isGone) throw new DOMException("", "NotFoundError");
    return stop.aborted ? null : new Blob(parts, { type: recorder.mimeType });
  } finally {
    microphone.close();
  }
}
