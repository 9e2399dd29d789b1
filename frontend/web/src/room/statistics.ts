import type { LocalAudioTrack } from "livekit-client";

/** Milliseconds to the LiveKit server and back, as its reports on our audio tell. */
export async function roundTripMs(track: LocalAudioTrack | null): Promise<number | null> {
  const report = await track?.getRTCStatsReport();
  let seconds: number | null = null;
  report?.forEach((entry: { type: string; roundTripTime?: number }) => {
    if (entry.type === "remote-inbound-rtp" && entry.roundTripTime !== undefined) {
      seconds = entry.roundTripTime;
    }
  });
  return seconds === null ? null : seconds * 1000;
}
